INSERT INTO dead_letters
    (id, queue, job_id, handler, event_id, kind, payload, reason, class, fingerprint,
     attempts, history, failed_at, state, changed_at, revision)
VALUES (x'0000000000000000000000000000007@', 'feeds', 'job@', 'feeds.update', x'0000000000000000000000000000005@', 'CardAddedToLibrary', '{}', 'why', 'permanent', '8295555a8f7abf85',
     1, '[]', 2, 'dead', 2, 1)
ON CONFLICT (queue, job_id, handler) DO UPDATE SET
    event_id = excluded.event_id, kind = excluded.kind, payload = excluded.payload,
    original_payload = CASE WHEN dead_letters.payload = excluded.payload
        THEN dead_letters.original_payload END,
    reason = excluded.reason, class = excluded.class,
    fingerprint = excluded.fingerprint, attempts = excluded.attempts,
    history = excluded.history, failed_at = excluded.failed_at, state = 'dead',
    changed_at = excluded.changed_at, revision = dead_letters.revision + 1
RETURNING id;
UPDATE dead_letters
SET state = 'resolved', changed_at = 3, revision = revision + 1
WHERE event_id = x'0000000000000000000000000000005@' AND handler = 'feeds.update' AND state IN ('dead', 'redriven');
