//! The storage ports of feeds.

use async_trait::async_trait;

use super::{FeedEntry, FeedItem};
use crate::cards::CardId;
use crate::curators::{CuratorId, FollowerChunk};
use crate::page::{Page, PageRequest};
use crate::store::StoreError;

/// What became of a chunk of followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOut {
    /// How many got the entry who did not have it.
    pub added: u64,
    /// The chunk's last follower; absent if there was room for more, so that nobody is left.
    pub end: Option<CuratorId>,
}

/// Changes feeds. Adding an entry that is there, or removing one that isn't, MUST change nothing.
#[async_trait]
pub trait FeedRepository: Send {
    /// Puts an entry in the home feeds of a chunk of those who follow its author.
    ///
    /// MUST do nothing if the card no longer exists, because its removal may be handled first.
    async fn fan_out(
        &mut self,
        entry: &FeedEntry,
        chunk: FollowerChunk,
    ) -> Result<FanOut, StoreError>;

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
