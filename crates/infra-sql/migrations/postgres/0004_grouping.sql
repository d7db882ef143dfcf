-- An entry belongs to a notification, whose id is that of the entry that began it. The release before
-- writes neither column: such an entry is a notification of its own, which no other joins.
ALTER TABLE notifications ADD COLUMN group_id UUID;
-- What entries of a kind have in common that may stand together.
ALTER TABLE notifications ADD COLUMN group_key TEXT COLLATE "C";

CREATE INDEX notifications_of_group
    ON notifications (COALESCE(group_id, id), occurred_at, id);
-- What is taken back when a card is removed.
CREATE INDEX notifications_unread_of_card ON notifications (card_id) WHERE read_at IS NULL;
