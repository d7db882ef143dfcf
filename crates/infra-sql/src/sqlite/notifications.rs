//! Notifications.

use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::notifications::{
    Notification, NotificationId, NotificationReader, NotificationRepository, NotificationView,
};
use domain::{Page, PageRequest, StoreError, UnixMillis};

use super::SqliteStore;
use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::notifications::NotificationRow;

#[async_trait]
impl NotificationRepository for SqliteUnitOfWork {
    async fn add(&mut self, notifications: &[Notification]) -> Result<u64, StoreError> {
        let mut added = 0;
        for notification in notifications {
            let done = sqlx::query(
                "INSERT INTO notifications
                     (id, recipient_id, kind, actor_id, card_id, event_id, occurred_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (event_id, recipient_id) DO NOTHING",
            )
            .bind(notification.id.as_uuid())
            .bind(notification.recipient.as_uuid())
            .bind(notification.kind.as_str())
            .bind(notification.actor.as_uuid())
            .bind(notification.card.map(domain::cards::CardId::as_uuid))
            .bind(notification.event.as_uuid())
            .bind(notification.occurred_at.as_i64())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            added += done.rows_affected();
        }
        Ok(added)
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let mut marked = 0;
        for id in ids {
            let done = sqlx::query(
                "UPDATE notifications SET read_at = ?3
                 WHERE id = ?1 AND recipient_id = ?2 AND read_at IS NULL",
            )
            .bind(id.as_uuid())
            .bind(recipient.as_uuid())
            .bind(now.as_i64())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            marked += done.rows_affected();
        }
        Ok(marked)
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE notifications SET read_at = ?3
             WHERE recipient_id = ?1 AND occurred_at <= ?2 AND read_at IS NULL",
        )
        .bind(recipient.as_uuid())
        .bind(before.as_i64())
        .bind(now.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
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
            "SELECT notifications.id AS notification_id, notifications.kind,
                    notifications.occurred_at, notifications.read_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at,
                    cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at
             FROM notifications
             JOIN curators ON curators.id = notifications.actor_id
             LEFT JOIN cards ON cards.id = notifications.card_id
             WHERE notifications.recipient_id = ?1
               AND (notifications.occurred_at, notifications.id) < (?2, ?3)
             ORDER BY notifications.occurred_at DESC, notifications.id DESC
             LIMIT ?4",
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

    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM notifications WHERE recipient_id = ?1 AND read_at IS NULL",
        )
        .bind(recipient.as_uuid())
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable)?;
        Ok(count.unsigned_abs())
    }
}
