-- What a release with version 1 of the schema writes.

INSERT INTO curators (id, handle, display_name, password_hash, registered_at)
VALUES (x'0000000000000000000000000000001@', 'ada@', 'Ada', 'hash', 1), (x'0000000000000000000000000000002@', 'bob@', 'Bob', 'hash', 1)
ON CONFLICT (handle) DO NOTHING;
INSERT INTO api_tokens (id, curator_id, name, prefix, hash, issued_at)
VALUES (x'0000000000000000000000000000004@', x'0000000000000000000000000000001@', 'laptop', 'bw_abc', x'ababababababababababababababababababababababababababababababab0@', 1);
INSERT INTO follows (followee_id, follower_id, since)
VALUES (x'0000000000000000000000000000001@', x'0000000000000000000000000000002@', 1)
ON CONFLICT DO NOTHING;
INSERT INTO cards (id, curator_id, url, canonical_url, title, note, saved_at)
VALUES (x'0000000000000000000000000000003@', x'0000000000000000000000000000001@', 'https://example.org', 'https://example.org/', NULL, NULL, 1)
ON CONFLICT (canonical_url, curator_id) DO NOTHING;
INSERT INTO feed_entries (reader_id, saved_at, card_id, author_id)
SELECT follows.follower_id, cards.saved_at, cards.id, cards.curator_id
FROM cards
JOIN follows ON follows.followee_id = cards.curator_id
WHERE cards.id = x'0000000000000000000000000000003@'
ON CONFLICT DO NOTHING;
INSERT INTO notifications (id, recipient_id, kind, actor_id, card_id, event_id, occurred_at)
VALUES (x'0000000000000000000000000000006@', x'0000000000000000000000000000002@', 'followee-saved', x'0000000000000000000000000000001@', x'0000000000000000000000000000003@', x'0000000000000000000000000000005@', 1)
ON CONFLICT (event_id, recipient_id) DO NOTHING;
INSERT INTO daily_counts (day, kind, count)
VALUES ('2026-11-24', 'CardAddedToLibrary', 1)
ON CONFLICT (day, kind) DO UPDATE SET count = daily_counts.count + 1;
INSERT INTO outbox (event_id, kind, subject, envelope, recorded_at)
VALUES (x'0000000000000000000000000000005@', 'CardAddedToLibrary', x'0000000000000000000000000000003@', '{}', 1);
UPDATE outbox SET refusals = refusals + 1, last_refusal = 'later', due_at = 2
WHERE event_id = x'0000000000000000000000000000005@' AND published_at IS NULL;
UPDATE outbox SET published_at = 3 WHERE event_id = x'0000000000000000000000000000005@' AND published_at IS NULL;
INSERT INTO inbox (handler, event_id, seen_at)
VALUES ('feeds', x'0000000000000000000000000000005@', 1)
ON CONFLICT DO NOTHING;
