-- The tables of SQLite's first migration, in the words of Postgres. Times are milliseconds since
-- 1970-01-01 UTC. Text is compared byte by byte ("C"), whatever the database's locale.

CREATE TABLE curators (
    id            UUID    NOT NULL PRIMARY KEY,
    handle        TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    registered_at BIGINT  NOT NULL
);

CREATE TABLE api_tokens (
    id         UUID    NOT NULL PRIMARY KEY,
    curator_id UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    prefix     TEXT    NOT NULL,
    hash       BYTEA   NOT NULL UNIQUE,
    issued_at  BIGINT  NOT NULL
);

CREATE INDEX api_tokens_of_curator ON api_tokens (curator_id, issued_at, id);

-- The key gives the followers of a curator, the index whom a curator follows.
CREATE TABLE follows (
    followee_id UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    follower_id UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    since       BIGINT  NOT NULL,
    PRIMARY KEY (followee_id, follower_id)
);

CREATE INDEX follows_of_follower ON follows (follower_id, since, followee_id);

-- A card with a URL has both forms of it; a card without one has a note and nothing else.
CREATE TABLE cards (
    id            UUID    NOT NULL PRIMARY KEY,
    curator_id    UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    url           TEXT,
    canonical_url TEXT COLLATE "C",
    title         TEXT,
    note          TEXT,
    saved_at      BIGINT  NOT NULL,
    -- Rows without a URL differ from each other here, so there may be many.
    -- The URL comes first: the same index finds everybody who saved a page.
    UNIQUE (canonical_url, curator_id),
    CHECK ((url IS NULL) = (canonical_url IS NULL)),
    CHECK (url IS NOT NULL OR (note IS NOT NULL AND title IS NULL))
);

CREATE INDEX cards_in_library ON cards (curator_id, saved_at, id);

-- No references: an entry may outlive its card until the removal has been handled, and reading
-- joins the card, so such an entry is never shown.
CREATE TABLE feed_entries (
    reader_id UUID    NOT NULL,
    saved_at  BIGINT  NOT NULL,
    card_id   UUID    NOT NULL,
    author_id UUID    NOT NULL,
    PRIMARY KEY (reader_id, saved_at, card_id)
);

CREATE INDEX feed_entries_of_card ON feed_entries (card_id);

-- The card is no reference: a notification outlives the card it is about.
CREATE TABLE notifications (
    id           UUID    NOT NULL PRIMARY KEY,
    recipient_id UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    kind         TEXT    NOT NULL,
    actor_id     UUID    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    card_id      UUID,
    event_id     UUID    NOT NULL,
    occurred_at  BIGINT  NOT NULL,
    read_at      BIGINT,
    UNIQUE (event_id, recipient_id)
);

CREATE INDEX notifications_of_recipient ON notifications (recipient_id, occurred_at, id);
CREATE INDEX notifications_unread ON notifications (recipient_id, occurred_at)
    WHERE read_at IS NULL;

CREATE TABLE daily_counts (
    day   TEXT COLLATE "C" NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    count BIGINT  NOT NULL,
    PRIMARY KEY (day, kind)
);

-- A number is given when a row is written and seen when it is committed, so a row may appear after
-- one that has a greater number. Of one subject's rows none does: whoever records an event holds a
-- lock on its subject until the commit (src/postgres/outbox.rs).
CREATE TABLE outbox (
    seq           BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      UUID    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL,
    subject       UUID    NOT NULL,
    envelope      TEXT    NOT NULL,
    recorded_at   BIGINT  NOT NULL,
    refusals      INTEGER NOT NULL DEFAULT 0,
    last_refusal  TEXT,
    due_at        BIGINT,
    parked_reason TEXT,
    published_at  BIGINT
);

-- Published rows are kept, so what is looked at all the time has indexes that leave them out.
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_unpublished_of_subject ON outbox (subject, seq) WHERE published_at IS NULL;
CREATE INDEX outbox_deferred ON outbox (subject, seq, due_at)
    WHERE due_at IS NOT NULL AND published_at IS NULL AND parked_reason IS NULL;

CREATE TABLE inbox (
    handler  TEXT COLLATE "C" NOT NULL,
    event_id UUID    NOT NULL,
    seen_at  BIGINT  NOT NULL,
    PRIMARY KEY (handler, event_id)
);
