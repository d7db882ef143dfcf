-- Identifiers are the 16 bytes of a UUID, times are milliseconds since 1970-01-01 UTC.
-- WITHOUT ROWID keeps a row in its key, which pays where rows are small.

CREATE TABLE curators (
    id            BLOB    NOT NULL PRIMARY KEY,
    handle        TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    id         BLOB    NOT NULL PRIMARY KEY,
    curator_id BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    prefix     TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    issued_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_tokens_of_curator ON api_tokens (curator_id, issued_at, id);

-- The key gives the followers of a curator, the index whom a curator follows.
CREATE TABLE follows (
    followee_id BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    follower_id BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    since       INTEGER NOT NULL,
    PRIMARY KEY (followee_id, follower_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX follows_of_follower ON follows (follower_id, since, followee_id);

-- A card with a URL has both forms of it; a card without one has a note and nothing else.
CREATE TABLE cards (
    id            BLOB    NOT NULL PRIMARY KEY,
    curator_id    BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    url           TEXT,
    canonical_url TEXT,
    title         TEXT,
    note          TEXT,
    saved_at      INTEGER NOT NULL,
    -- Rows without a URL differ from each other here, so there may be many.
    -- The URL comes first: the same index finds everybody who saved a page.
    UNIQUE (canonical_url, curator_id),
    CHECK ((url IS NULL) = (canonical_url IS NULL)),
    CHECK (url IS NOT NULL OR (note IS NOT NULL AND title IS NULL))
) STRICT;

CREATE INDEX cards_in_library ON cards (curator_id, saved_at, id);

-- No references: an entry may outlive its card until the removal has been handled, and reading
-- joins the card, so such an entry is never shown.
CREATE TABLE feed_entries (
    reader_id BLOB    NOT NULL,
    saved_at  INTEGER NOT NULL,
    card_id   BLOB    NOT NULL,
    author_id BLOB    NOT NULL,
    PRIMARY KEY (reader_id, saved_at, card_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX feed_entries_of_card ON feed_entries (card_id);

-- The card is no reference: a notification outlives the card it is about.
CREATE TABLE notifications (
    id           BLOB    NOT NULL PRIMARY KEY,
    recipient_id BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    kind         TEXT    NOT NULL,
    actor_id     BLOB    NOT NULL REFERENCES curators (id) ON DELETE CASCADE,
    card_id      BLOB,
    event_id     BLOB    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    read_at      INTEGER,
    UNIQUE (event_id, recipient_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_of_recipient ON notifications (recipient_id, occurred_at, id);
CREATE INDEX notifications_unread ON notifications (recipient_id, occurred_at)
    WHERE read_at IS NULL;

CREATE TABLE daily_counts (
    day   TEXT    NOT NULL,
    kind  TEXT    NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice, so the order of recording is the order of seq.
CREATE TABLE outbox (
    seq           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id      BLOB    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL,
    subject       BLOB    NOT NULL,
    envelope      TEXT    NOT NULL,
    recorded_at   INTEGER NOT NULL,
    refusals      INTEGER NOT NULL DEFAULT 0,
    last_refusal  TEXT,
    due_at        INTEGER,
    parked_reason TEXT,
    published_at  INTEGER
) STRICT;

-- Published rows are kept, so what is looked at all the time has indexes that leave them out.
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_deferred ON outbox (subject, seq, due_at)
    WHERE due_at IS NOT NULL AND published_at IS NULL AND parked_reason IS NULL;

CREATE TABLE inbox (
    handler  TEXT    NOT NULL,
    event_id BLOB    NOT NULL,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (handler, event_id)
) STRICT, WITHOUT ROWID;
