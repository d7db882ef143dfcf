-- In which generation of the queues' data an event was published. What was published before this
-- column was there, or by an older release beside this one, counts as of the first.
ALTER TABLE outbox ADD COLUMN published_in INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_published_in ON outbox (published_in, seq) WHERE published_at IS NOT NULL;

-- One row: what the queues' data was last known by, its generation, and the last event of earlier
-- generations that was looked at, by its generation and its number.
CREATE TABLE queue_data (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    identity     TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    looked_in    INTEGER NOT NULL,
    looked_up_to INTEGER NOT NULL
) STRICT;
