//! Notifications.

use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::notifications::{
    Notification, NotificationId, NotificationReader, NotificationRepository, NotificationView,
};
use domain::{Page, PageRequest, StoreError, UnixMillis};

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State, newest_first};

impl State {
    fn mark_read(&mut self, now: UnixMillis, wanted: impl Fn(&Notification) -> bool) -> u64 {
        let mut marked = 0;
        for (notification, read_at) in self.notifications.values_mut() {
            if read_at.is_none() && wanted(notification) {
                *read_at = Some(now);
                marked += 1;
            }
        }
        marked
    }

    fn view(
        &self,
        notification: &Notification,
        read_at: Option<UnixMillis>,
    ) -> Option<NotificationView> {
        Some(NotificationView {
            id: notification.id,
            kind: notification.kind,
            actor: self.curator(notification.actor)?.clone(),
            card: notification
                .card
                .and_then(|card| self.cards.get(&card))
                .cloned(),
            occurred_at: notification.occurred_at,
            read_at,
        })
    }
}

#[async_trait]
impl NotificationRepository for MemoryUnitOfWork {
    async fn add(&mut self, notifications: &[Notification]) -> Result<u64, StoreError> {
        let before = self.state.notifications.len();
        for notification in notifications {
            self.state.require_curator(notification.recipient)?;
            self.state.require_curator(notification.actor)?;
            self.state
                .notifications
                .entry((notification.event, notification.recipient))
                .or_insert_with(|| (notification.clone(), None));
        }
        Ok((self.state.notifications.len() - before) as u64)
    }

    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        Ok(self.state.mark_read(now, |notification| {
            notification.recipient == recipient && ids.contains(&notification.id)
        }))
    }

    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        Ok(self.state.mark_read(now, |notification| {
            notification.recipient == recipient && notification.occurred_at <= before
        }))
    }
}

#[async_trait]
impl NotificationReader for MemoryStore {
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError> {
        let views: Vec<NotificationView> = self.read(|state| {
            let all = state.notifications.values();
            all.filter(|(notification, _)| notification.recipient == recipient)
                .filter_map(|(notification, read_at)| state.view(notification, *read_at))
                .collect()
        });
        let views = newest_first(views, &page, NotificationView::position);
        Ok(Page::from_one_more(
            views,
            page.limit,
            NotificationView::position,
        ))
    }

    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        Ok(self.read(|state| {
            let unread = state
                .notifications
                .values()
                .filter(|(notification, read_at)| {
                    notification.recipient == recipient && read_at.is_none()
                });
            unread.count() as u64
        }))
    }
}
