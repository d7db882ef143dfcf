-- One row for a handler that could not act on one job's event, however often it failed. An empty
-- handler stands for a job whose event can't be read.
CREATE TABLE dead_letters (
    id               BLOB    NOT NULL PRIMARY KEY,
    queue            TEXT    NOT NULL,
    job_id           TEXT    NOT NULL,
    handler          TEXT    NOT NULL,
    event_id         BLOB,
    kind             TEXT    NOT NULL,
    payload          TEXT    NOT NULL,
    original_payload TEXT,
    reason           TEXT    NOT NULL,
    class            TEXT    NOT NULL,
    fingerprint      TEXT    NOT NULL,
    attempts         INTEGER NOT NULL,
    -- A JSON array, oldest attempt first.
    history          TEXT    NOT NULL,
    failed_at        INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    changed_at       INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    UNIQUE (queue, job_id, handler)
) STRICT;

CREATE INDEX dead_letters_by_time ON dead_letters (failed_at, id);
CREATE INDEX dead_letters_to_prune ON dead_letters (changed_at);
-- Every event that is handled asks for its letter, and hardly any has one.
CREATE INDEX dead_letters_open ON dead_letters (event_id, handler)
    WHERE state IN ('dead', 'redriven');
