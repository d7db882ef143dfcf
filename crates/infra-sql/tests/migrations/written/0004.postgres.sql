-- What a release with version 4 of the schema writes in addition.

INSERT INTO notifications
    (id, recipient_id, kind, actor_id, card_id, event_id, occurred_at, group_id, group_key)
VALUES ('00000000-0000-0000-0000-00000000008@', '00000000-0000-0000-0000-00000000001@', 'new-follower', '00000000-0000-0000-0000-00000000002@', NULL, '00000000-0000-0000-0000-00000000009@', 1, '00000000-0000-0000-0000-00000000008@', '')
ON CONFLICT (event_id, recipient_id) DO NOTHING;
