//! The storage ports of notifications.

use async_trait::async_trait;

use super::{Entry, EntryView, Grouping, NotificationId, NotificationView};
use crate::cards::CardId;
use crate::curators::CuratorId;
use crate::page::{Page, PageRequest};
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Changes notifications. Each is what its entries are: it begins with the first and is gone with the
/// last.
#[async_trait]
pub trait NotificationRepository: Send {
    /// Adds entries; how many are new. One for an (event, recipient) that has one MUST change
    /// nothing.
    ///
    /// Each MUST join the notification that [`Grouping::choose`] chooses of two: that of the last
    /// unread entry of the same recipient, kind and key up to its time, and that of the first one
    /// after it, both within [reach](Grouping::reach). If none is chosen, it opens one. Of two that
    /// are added at the same time the second MUST see the first.
    async fn add(&mut self, entries: &[Entry], grouping: Grouping) -> Result<u64, StoreError>;

    /// Takes back what nobody has read about a card; how many entries.
    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError>;

    /// Takes back what `followee` has not read of follows by `follower` that have ended; how many
    /// entries.
    async fn retract_follows(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<u64, StoreError>;

    /// Marks those of the given notifications that are the recipient's and unread; how many it
    /// marked.
    async fn mark_read(
        &mut self,
        recipient: CuratorId,
        ids: &[NotificationId],
        now: UnixMillis,
    ) -> Result<u64, StoreError>;

    /// Marks everything unread of the recipient whose newest entry is of `before` or earlier; how
    /// many notifications it marked.
    async fn mark_read_before(
        &mut self,
        recipient: CuratorId,
        before: UnixMillis,
        now: UnixMillis,
    ) -> Result<u64, StoreError>;
}

/// Reads notifications. One is read when all of its entries are.
#[async_trait]
pub trait NotificationReader: Send + Sync {
    /// What concerned a curator, in the order of the newest entries, newest first.
    async fn of(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError>;

    /// The entries of one of the recipient's notifications, newest first; none if it is not theirs.
    async fn entries(
        &self,
        recipient: CuratorId,
        notification: NotificationId,
        page: PageRequest,
    ) -> Result<Page<EntryView>, StoreError>;

    /// How many notifications a curator has not read.
    async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError>;
}
