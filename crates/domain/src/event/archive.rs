//! The archive: published events, kept for a time so that they can be replayed.

use async_trait::async_trait;
use uuid::Uuid;

use super::{EventEnvelope, EventId, EventKind};
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Which events; every part that is absent lets all of them through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveFilter {
    /// That happened at this time or later.
    pub from: Option<UnixMillis>,
    /// That happened before this time.
    pub until: Option<UnixMillis>,
    /// Of this type.
    pub kind: Option<EventKind>,
    /// About this aggregate.
    pub subject: Option<Uuid>,
}

/// A published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Where it stands in the order in which events were recorded.
    pub place: i64,
    /// Its id.
    pub id: EventId,
    /// The event, or why it can't be read.
    pub envelope: Result<EventEnvelope, String>,
}

/// Reads published events again.
#[async_trait]
pub trait EventArchive: Send + Sync {
    /// Published events behind this place, in the order in which they were recorded, at most
    /// `limit`. Events that wait to be published MUST be left out: they will come by themselves.
    async fn published(
        &self,
        filter: &ArchiveFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Archived>, StoreError>;
}
