-- One row for a handler that could not act on one job's event, however often it failed. An empty
-- handler stands for a job whose event can't be read.
CREATE TABLE dead_letters (
    id               UUID    NOT NULL PRIMARY KEY,
    queue            TEXT COLLATE "C" NOT NULL,
    job_id           TEXT COLLATE "C" NOT NULL,
    handler          TEXT COLLATE "C" NOT NULL,
    event_id         UUID,
    kind             TEXT    NOT NULL,
    payload          TEXT    NOT NULL,
    original_payload TEXT,
    reason           TEXT    NOT NULL,
    class            TEXT    NOT NULL,
    fingerprint      TEXT    NOT NULL,
    attempts         BIGINT  NOT NULL,
    -- A JSON array, oldest attempt first.
    history          TEXT    NOT NULL,
    failed_at        BIGINT  NOT NULL,
    state            TEXT    NOT NULL,
    changed_at       BIGINT  NOT NULL,
    revision         BIGINT  NOT NULL,
    UNIQUE (queue, job_id, handler)
);

CREATE INDEX dead_letters_by_time ON dead_letters (failed_at, id);
CREATE INDEX dead_letters_to_prune ON dead_letters (changed_at);
-- Every event that is handled asks for its letter, and hardly any has one.
CREATE INDEX dead_letters_open ON dead_letters (event_id, handler)
    WHERE state IN ('dead', 'redriven');
