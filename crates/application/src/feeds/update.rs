//! Keeps home feeds up to date.

use std::num::NonZeroU32;

use async_trait::async_trait;
use domain::curators::{CuratorId, FollowerChunk};
use domain::feeds::FeedEntry;
use domain::{DomainEvent, EventEnvelope, EventKind, UnitOfWork, UnixMillis};

use crate::events::handler::{EventHandler, HandlerError, Progress};

/// How many of an author's cards a new follower finds in their feed.
const BACKFILL: u32 = 50;

/// How many followers get a card in one transaction.
const CHUNK: NonZeroU32 = NonZeroU32::new(1000).expect("it is not zero");

/// Fans saved cards out to followers, and takes back what no longer belongs.
///
/// A card reaches the followers in chunks, a transaction each: one for all of them would keep every
/// other writer waiting for as long as the author is famous.
pub struct UpdateFeeds {
    chunk: NonZeroU32,
}

impl UpdateFeeds {
    /// A handler that fans out to so many followers in one transaction.
    pub fn in_chunks_of(chunk: NonZeroU32) -> Self {
        Self { chunk }
    }
}

impl Default for UpdateFeeds {
    fn default() -> Self {
        Self::in_chunks_of(CHUNK)
    }
}

#[async_trait]
impl EventHandler for UpdateFeeds {
    fn name(&self) -> &'static str {
        "feeds.update"
    }

    fn reacts_to(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::CardAddedToLibrary
            | EventKind::CardRemovedFromLibrary
            | EventKind::CuratorFollowed
            | EventKind::CuratorUnfollowed => true,
            EventKind::CuratorRegistered => false,
        }
    }

    fn bears_repetition(&self) -> bool {
        true
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        match &envelope.event {
            DomainEvent::CardAddedToLibrary(added) => {
                let entry = FeedEntry {
                    card: added.card_id,
                    author: added.curator_id,
                    saved_at: envelope.occurred_at,
                };
                let chunk = FollowerChunk {
                    after,
                    limit: self.chunk,
                };
                let fan_out = work.feeds().fan_out(&entry, chunk).await?;
                return Ok(Progress::from_end(fan_out.end));
            }
            DomainEvent::CardRemovedFromLibrary(removed) => {
                work.feeds().retract_card(removed.card_id).await?;
            }
            DomainEvent::CuratorFollowed(followed) => {
                let cards = work.cards().newest(followed.followee_id, BACKFILL).await?;
                let entries: Vec<_> = cards.iter().map(FeedEntry::from).collect();
                work.feeds()
                    .backfill(followed.follower_id, &entries)
                    .await?;
            }
            DomainEvent::CuratorUnfollowed(unfollowed) => {
                work.feeds()
                    .retract_author(unfollowed.follower_id, unfollowed.followee_id)
                    .await?;
            }
            DomainEvent::CuratorRegistered(_) => {}
        }
        Ok(Progress::Done)
    }
}
