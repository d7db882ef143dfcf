//! Counts per event type and day.

use async_trait::async_trait;
use domain::analytics::DailyCount;
use domain::curators::CuratorId;
use domain::{EventEnvelope, EventKind, StoreError, UnitOfWork, UnixMillis};

use crate::SharedStore;
use crate::events::handler::{EventHandler, HandlerError, Progress};

/// Reads the counts.
#[derive(Clone)]
pub struct Analytics {
    store: SharedStore,
}

impl Analytics {
    /// Use cases on this store.
    pub fn new(store: SharedStore) -> Self {
        Self { store }
    }

    /// How often each kind of event happened on each day, oldest day first.
    pub async fn daily(&self) -> Result<Vec<DailyCount>, StoreError> {
        self.store.analytics().daily().await
    }
}

/// Counts every event.
pub struct CountEvents;

#[async_trait]
impl EventHandler for CountEvents {
    fn name(&self) -> &'static str {
        "analytics.count"
    }

    fn reacts_to(&self, _kind: EventKind) -> bool {
        true
    }

    /// A count does not tell which events it counts.
    fn bears_repetition(&self) -> bool {
        false
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        work.analytics()
            .count(envelope.kind(), envelope.occurred_at)
            .await?;
        Ok(Progress::Done)
    }
}
