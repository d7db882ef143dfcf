//! Keeps home feeds up to date.

use async_trait::async_trait;
use domain::feeds::FeedEntry;
use domain::{DomainEvent, EventEnvelope, EventKind, UnitOfWork, UnixMillis};

use crate::events::handler::{EventHandler, HandlerError};

/// How many of an author's cards a new follower finds in their feed.
const BACKFILL: u32 = 50;

/// Fans saved cards out to followers, and takes back what no longer belongs.
pub struct UpdateFeeds;

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

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<(), HandlerError> {
        match &envelope.event {
            DomainEvent::CardAddedToLibrary(added) => {
                let entry = FeedEntry {
                    card: added.card_id,
                    author: added.curator_id,
                    saved_at: envelope.occurred_at,
                };
                work.feeds().fan_out(&entry).await?;
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
        Ok(())
    }
}
