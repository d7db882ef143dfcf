//! Notifications. The table holds their entries: a notification is all that is to be known of those
//! with the same `COALESCE(group_id, id)`, so nothing has to be kept in step with them.

use async_trait::async_trait;
use domain::cards::CardId;
use domain::curators::CuratorId;
use domain::notifications::{
    Entry, EntryView, Group, Grouping, NotificationId, NotificationKind, NotificationReader,
    NotificationRepository, NotificationView,
};
use domain::{Page, PageRequest, StoreError, UnixMillis};

use super::SqliteStore;
use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::notifications::{EntryRow, GroupRow, NotificationRow, different};

impl SqliteUnitOfWork {
    /// The notifications that an entry might join, in the order in which they are asked.
    async fn groups(
        &mut self,
        entry: &Entry,
        grouping: Grouping,
    ) -> Result<Vec<Group>, StoreError> {
        let (from, until) = grouping.reach(entry.occurred_at);
        let groups = sqlx::query_as::<_, GroupRow>(
            "WITH near AS (
                 SELECT * FROM (
                     SELECT COALESCE(group_id, id) AS notification_id, 1 AS turn
                     FROM notifications
                     WHERE recipient_id = ?1 AND read_at IS NULL AND kind = ?2 AND group_key = ?3
                       AND occurred_at BETWEEN ?4 AND ?5
                     ORDER BY occurred_at DESC, id DESC
                     LIMIT 1
                 )
                 UNION ALL
                 SELECT * FROM (
                     SELECT COALESCE(group_id, id), 2
                     FROM notifications
                     WHERE recipient_id = ?1 AND read_at IS NULL AND kind = ?2 AND group_key = ?3
                       AND occurred_at > ?5 AND occurred_at <= ?6
                     ORDER BY occurred_at, id
                     LIMIT 1
                 )
             )
             SELECT notification_id,
                    (SELECT min(occurred_at) FROM notifications
                     WHERE COALESCE(group_id, id) = notification_id) AS first_at,
                    (SELECT max(occurred_at) FROM notifications
                     WHERE COALESCE(group_id, id) = notification_id) AS last_at
             FROM near
             ORDER BY turn",
        )
        .bind(entry.recipient.as_uuid())
        .bind(entry.kind.as_str())
        .bind(entry.key.as_str())
        .bind(from.as_i64())
        .bind(entry.occurred_at.as_i64())
        .bind(until.as_i64())
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("notification"))?;
        Ok(groups.into_iter().map(Group::from).collect())
    }
}

#[async_trait]
impl NotificationRepository for SqliteUnitOfWork {
    async fn add(&mut self, entries: &[Entry], grouping: Grouping) -> Result<u64, StoreError> {
        let mut added = 0;
        for entry in entries {
            let groups = self.groups(entry, grouping).await?;
            let joins = grouping.choose(&groups, entry.occurred_at);
            let done = sqlx::query(
                "INSERT INTO notifications
                     (id, recipient_id, kind, actor_id, card_id, event_id, occurred_at, group_id,
                      group_key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (event_id, recipient_id) DO NOTHING",
            )
            .bind(entry.id.as_uuid())
            .bind(entry.recipient.as_uuid())
            .bind(entry.kind.as_str())
            .bind(entry.actor.as_uuid())
            .bind(entry.card.map(CardId::as_uuid))
            .bind(entry.event.as_uuid())
            .bind(entry.occurred_at.as_i64())
            .bind(joins.unwrap_or(entry.opens()).as_uuid())
            .bind(entry.key.as_str())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            added += done.rows_affected();
        }
        Ok(added)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM notifications WHERE card_id = ?1 AND read_at IS NULL")
            .bind(card.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn retract_follows(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM notifications
             WHERE recipient_id = ?1 AND actor_id = ?2 AND kind = ?3 AND read_at IS NULL
               AND NOT EXISTS (
                 SELECT 1 FROM follows
                 WHERE followee_id = ?1 AND follower_id = ?2
                   AND since <= notifications.occurred_at
               )",
        )
        .bind(followee.as_uuid())
        .bind(follower.as_uuid())
        .bind(NotificationKind::NewFollower.as_str())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let mut marked = 0;
        for id in ids {
            // The release before lists entries, so the id may be that of any entry.
            let done = sqlx::query(
                "UPDATE notifications SET read_at = ?3
                 WHERE recipient_id = ?2 AND read_at IS NULL
                   AND COALESCE(group_id, id) IN (
                     ?1, (SELECT entry.group_id FROM notifications entry WHERE entry.id = ?1)
                   )",
            )
            .bind(id.as_uuid())
            .bind(recipient.as_uuid())
            .bind(now.as_i64())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            marked += u64::from(done.rows_affected() > 0);
        }
        Ok(marked)
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let marked = sqlx::query_scalar(
            "UPDATE notifications SET read_at = ?3
             WHERE recipient_id = ?1 AND occurred_at <= ?2 AND read_at IS NULL
               AND NOT EXISTS (
                 SELECT 1 FROM notifications later
                 WHERE COALESCE(later.group_id, later.id)
                         = COALESCE(notifications.group_id, notifications.id)
                   AND later.occurred_at > ?2
               )
             RETURNING COALESCE(group_id, id)",
        )
        .bind(recipient.as_uuid())
        .bind(before.as_i64())
        .bind(now.as_i64())
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("notification"))?;
        Ok(different(marked))
    }
}

#[async_trait]
impl NotificationReader for SqliteStore {
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError> {
        let (at, id) = keyset::start(&page);
        let views = sqlx::query_as::<_, NotificationRow>(
            "WITH newest AS (
                 SELECT COALESCE(group_id, id) AS notification_id, id, kind, actor_id, card_id,
                        occurred_at
                 FROM notifications
                 WHERE recipient_id = ?1 AND (occurred_at, id) < (?2, ?3)
                   AND NOT EXISTS (
                     SELECT 1 FROM notifications later
                     WHERE COALESCE(later.group_id, later.id)
                             = COALESCE(notifications.group_id, notifications.id)
                       AND (later.occurred_at, later.id)
                             > (notifications.occurred_at, notifications.id)
                   )
                 ORDER BY occurred_at DESC, id DESC
                 LIMIT ?4
             ), totals AS (
                 SELECT newest.notification_id, min(entry.occurred_at) AS since,
                        count(*) AS entries, count(DISTINCT entry.actor_id) - 1 AS others,
                        CASE WHEN count(*) = count(entry.read_at) THEN max(entry.read_at) END
                          AS read_at
                 FROM newest
                 JOIN notifications entry
                   ON COALESCE(entry.group_id, entry.id) = newest.notification_id
                 GROUP BY newest.notification_id
             )
             SELECT newest.notification_id, newest.kind, totals.since, totals.entries,
                    totals.others, totals.read_at,
                    newest.id AS entry_id, newest.occurred_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at,
                    cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at
             FROM newest
             JOIN totals ON totals.notification_id = newest.notification_id
             JOIN curators ON curators.id = newest.actor_id
             LEFT JOIN cards ON cards.id = newest.card_id
             ORDER BY newest.occurred_at DESC, newest.id DESC",
        )
        .bind(recipient.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable("notification"))?
        .into_iter()
        .map(NotificationView::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(
            views,
            page.limit,
            NotificationView::position,
        ))
    }

    async fn entries(
        &self,
        recipient: CuratorId,
        notification: NotificationId,
        page: PageRequest,
    ) -> Result<Page<EntryView>, StoreError> {
        let (at, id) = keyset::start(&page);
        let views = sqlx::query_as::<_, EntryRow>(
            "SELECT notifications.id AS entry_id, notifications.occurred_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at,
                    cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at
             FROM notifications
             JOIN curators ON curators.id = notifications.actor_id
             LEFT JOIN cards ON cards.id = notifications.card_id
             WHERE COALESCE(notifications.group_id, notifications.id) = ?2
               AND notifications.recipient_id = ?1
               AND (notifications.occurred_at, notifications.id) < (?3, ?4)
             ORDER BY notifications.occurred_at DESC, notifications.id DESC
             LIMIT ?5",
        )
        .bind(recipient.as_uuid())
        .bind(notification.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable("notification"))?
        .into_iter()
        .map(EntryView::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(views, page.limit, EntryView::position))
    }

    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT COALESCE(group_id, id)) FROM notifications
             WHERE recipient_id = ?1 AND read_at IS NULL",
        )
        .bind(recipient.as_uuid())
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable)?;
        Ok(count.unsigned_abs())
    }
}
