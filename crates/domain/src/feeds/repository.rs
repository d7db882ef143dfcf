//! The storage ports of feeds.

use async_trait::async_trait;

use super::{FeedEntry, FeedItem};
use crate::cards::CardId;
use crate::curators::CuratorId;
use crate::page::{Page, PageRequest};
use crate::store::StoreError;

/// Changes feeds. Adding an entry that is there, or removing one that isn't, MUST change nothing.
#[async_trait]
pub trait FeedRepository: Send {
    /// Puts an entry in the home feed of everybody who follows its author; how many got it.
    ///
    /// MUST do nothing if the card no longer exists, because its removal may be handled first.
    async fn fan_out(&mut self, entry: &FeedEntry) -> Result<u64, StoreError>;

    /// Puts entries in one curator's home feed, as long as they follow the author.
    async fn backfill(
        &mut self,
        reader: CuratorId,
        entries: &[FeedEntry],
    ) -> Result<u64, StoreError>;

    /// Takes a card out of every feed; how many had it.
    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError>;

    /// Takes everything of an author out of one curator's home feed, unless they follow them.
    async fn retract_author(
        &mut self,
        reader: CuratorId,
        author: CuratorId,
    ) -> Result<u64, StoreError>;
}

/// Reads feeds.
#[async_trait]
pub trait FeedReader: Send + Sync {
    /// A curator's home feed, newest first.
    async fn home(
        &self,
        reader: CuratorId,
        page: PageRequest,
    ) -> Result<Page<FeedItem>, StoreError>;
}
