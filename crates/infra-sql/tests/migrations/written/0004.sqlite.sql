-- What a release with version 4 of the schema writes in addition.

INSERT INTO notifications
    (id, recipient_id, kind, actor_id, card_id, event_id, occurred_at, group_id, group_key)
VALUES (x'0000000000000000000000000000008@', x'0000000000000000000000000000001@', 'new-follower', x'0000000000000000000000000000002@', NULL, x'0000000000000000000000000000009@', 1, x'0000000000000000000000000000008@', '')
ON CONFLICT (event_id, recipient_id) DO NOTHING;
