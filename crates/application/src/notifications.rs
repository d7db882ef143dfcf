//! Telling people what concerns them, in the application itself.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use domain::cards::events::{CardAddedToLibrary, SavedContent};
use domain::curators::{CuratorId, FollowerChunk};
use domain::notifications::policy::{self, Facts};
use domain::notifications::{EntryView, Grouping, NotificationId, NotificationView};
use domain::{
    Clock, DomainEvent, EventEnvelope, EventKind, Page, PageRequest, Position, StoreError,
    UnitOfWork, UnixMillis,
};

use crate::SharedStore;
use crate::events::handler::{EventHandler, HandlerError, Progress};

/// Shows notifications and marks them read.
#[derive(Clone)]
pub struct Notifications {
    store: SharedStore,
    clock: Arc<dyn Clock>,
}

impl Notifications {
    /// Use cases on this store.
    pub fn new(store: SharedStore, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// What concerned a curator, newest first.
    pub async fn list(
        &self,
        recipient: CuratorId,
        page: PageRequest,
    ) -> Result<Page<NotificationView>, StoreError> {
        self.store.notifications().of(recipient, page).await
    }

    /// What a notification of a curator's is made of, newest first; none if it is not theirs.
    pub async fn entries(
        &self,
        recipient: CuratorId,
        notification: NotificationId,
        page: PageRequest,
    ) -> Result<Page<EntryView>, StoreError> {
        let notifications = self.store.notifications();
        notifications.entries(recipient, notification, page).await
    }

    /// How many a curator has not read.
    pub async fn unread(&self, recipient: CuratorId) -> Result<u64, StoreError> {
        self.store.notifications().unread(recipient).await
    }

    /// Marks notifications read; how many were unread. Ids of others are passed over.
    pub async fn mark_read(
        &self,
        recipient: CuratorId,
        ids: &[NotificationId],
    ) -> Result<u64, StoreError> {
        let mut work = self.store.begin().await?;
        let now = self.clock.now();
        let marked = work.notifications().mark_read(recipient, ids, now).await?;
        work.commit().await?;
        Ok(marked)
    }

    /// Marks everything up to and including `before` read; how many were unread.
    pub async fn mark_read_before(
        &self,
        recipient: CuratorId,
        before: UnixMillis,
    ) -> Result<u64, StoreError> {
        let mut work = self.store.begin().await?;
        let now = self.clock.now();
        let marked = work
            .notifications()
            .mark_read_before(recipient, before, now)
            .await?;
        work.commit().await?;
        Ok(marked)
    }
}

/// How many followers are told in one transaction.
const CHUNK: NonZeroU32 = NonZeroU32::new(1000).expect("it is not zero");

/// Turns events into in-app notifications, as the policy decides, and takes back what nobody has
/// read of those that were undone; followers are told in chunks.
pub struct NotifyInApp {
    chunk: NonZeroU32,
    grouping: Grouping,
}

impl NotifyInApp {
    /// A handler that tells so many followers in one transaction.
    pub fn in_chunks_of(chunk: NonZeroU32) -> Self {
        Self {
            chunk,
            grouping: Grouping::default(),
        }
    }
}

impl Default for NotifyInApp {
    fn default() -> Self {
        Self::in_chunks_of(CHUNK)
    }
}

#[async_trait]
impl EventHandler for NotifyInApp {
    fn name(&self) -> &'static str {
        "notifications.in-app"
    }

    fn reacts_to(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::CuratorFollowed
            | EventKind::CuratorUnfollowed
            | EventKind::CardAddedToLibrary
            | EventKind::CardRemovedFromLibrary => true,
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
        now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        match &envelope.event {
            DomainEvent::CuratorFollowed(_) | DomainEvent::CardAddedToLibrary(_) => {
                let chunk = FollowerChunk {
                    after,
                    limit: self.chunk,
                };
                let facts = facts(envelope, chunk, work).await?;
                let entries = policy::entries(envelope, &facts, now);
                work.notifications().add(&entries, self.grouping).await?;
                return Ok(Progress::from_end(chunk.end(&facts.followers)));
            }
            DomainEvent::CardRemovedFromLibrary(removed) => {
                work.notifications().retract_card(removed.card_id).await?;
            }
            DomainEvent::CuratorUnfollowed(unfollowed) => {
                work.notifications()
                    .retract_follows(unfollowed.follower_id, unfollowed.followee_id)
                    .await?;
            }
            DomainEvent::CuratorRegistered(_) => {}
        }
        Ok(Progress::Done)
    }
}

async fn facts(
    envelope: &EventEnvelope,
    chunk: FollowerChunk,
    work: &mut dyn UnitOfWork,
) -> Result<Facts, StoreError> {
    match &envelope.event {
        DomainEvent::CuratorFollowed(followed) => {
            let (follower, followee) = (followed.follower_id, followed.followee_id);
            let follow = work.curators().following(follower, followee).await?;
            // A follow that is younger than the event is another one.
            let stands = follow.is_some_and(|follow| follow.since <= envelope.occurred_at);
            Ok(Facts {
                is_undone: !stands,
                ..Facts::default()
            })
        }
        DomainEvent::CardAddedToLibrary(added) if work.cards().exists(added.card_id).await? => {
            Ok(Facts {
                is_undone: false,
                savers_of_url: savers_of_url(envelope, added, chunk, work).await?,
                followers: work.curators().followers(added.curator_id, chunk).await?,
            })
        }
        _ => Ok(Facts {
            is_undone: true,
            ..Facts::default()
        }),
    }
}

/// Those who saved the same page are told with the first chunk. Being told once, they are not told
/// again as followers in a later one.
async fn savers_of_url(
    envelope: &EventEnvelope,
    added: &CardAddedToLibrary,
    chunk: FollowerChunk,
    work: &mut dyn UnitOfWork,
) -> Result<Vec<CuratorId>, StoreError> {
    match &added.content {
        SavedContent::Url { url, .. } if chunk.after.is_none() => {
            let before = Position {
                at: envelope.occurred_at,
                id: added.card_id.as_uuid(),
            };
            work.cards().savers(url, before).await
        }
        SavedContent::Url { .. } | SavedContent::Note => Ok(Vec::new()),
    }
}
