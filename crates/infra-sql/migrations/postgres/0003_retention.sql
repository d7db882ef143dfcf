-- What was published and what was handled is forgotten by age, the oldest first.

CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX inbox_seen ON inbox (seen_at);
