//! Telling people what concerns them, in the application itself.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use domain::cards::events::SavedContent;
use domain::curators::{CuratorId, FollowerChunk};
use domain::notifications::policy::{self, Facts};
use domain::notifications::{NotificationId, NotificationView};
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

/// Turns events into in-app notifications, as the policy decides; followers are told in chunks.
pub struct NotifyInApp {
    chunk: NonZeroU32,
}

impl NotifyInApp {
    /// A handler that tells so many followers in one transaction.
    pub fn in_chunks_of(chunk: NonZeroU32) -> Self {
        Self { chunk }
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
        matches!(
            kind,
            EventKind::CuratorFollowed | EventKind::CardAddedToLibrary
        )
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
        let chunk = FollowerChunk {
            after,
            limit: self.chunk,
        };
        let facts = facts(envelope, chunk, work).await?;
        let notifications = policy::notifications(envelope, &facts, now);
        work.notifications().add(&notifications).await?;
        Ok(Progress::from_end(chunk.end(&facts.followers)))
    }
}

async fn facts(
    envelope: &EventEnvelope,
    chunk: FollowerChunk,
    work: &mut dyn UnitOfWork,
) -> Result<Facts, StoreError> {
    let DomainEvent::CardAddedToLibrary(added) = &envelope.event else {
        return Ok(Facts::default());
    };
    let savers_of_url = match &added.content {
        // Those who saved it too are told with the first chunk. Being told once, they are not told
        // again as followers in a later one.
        SavedContent::Url { url, .. } if chunk.after.is_none() => {
            let before = Position {
                at: envelope.occurred_at,
                id: added.card_id.as_uuid(),
            };
            work.cards().savers(url, before).await?
        }
        SavedContent::Url { .. } | SavedContent::Note => Vec::new(),
    };
    Ok(Facts {
        followers: work.curators().followers(added.curator_id, chunk).await?,
        savers_of_url,
    })
}
