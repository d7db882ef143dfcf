//! The storage ports of notifications.

use async_trait::async_trait;

use super::{Notification, NotificationId, NotificationView};
use crate::curators::CuratorId;
use crate::page::{Page, PageRequest};
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Changes notifications.
#[async_trait]
pub trait NotificationRepository: Send {
    /// Adds notifications; how many are new. One for an (event, recipient) that has one MUST change
    /// nothing.
    async fn add(&mut self, notifications: &[Notification]) -> Result<u64, StoreError>;

    /// Marks those of the given ids that are the recipient's and unread; how many it marked.
    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError>;

    /// Marks everything unread of the recipient up to and including `before`; how many it marked.
    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError>;
}

/// Reads notifications.
#[async_trait]
pub trait NotificationReader: Send + Sync {
    /// What concerned a curator, newest first.
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError>;

    /// How many a curator has not read.
    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError>;
}
