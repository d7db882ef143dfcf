//! The storage ports of analytics.

use async_trait::async_trait;

use super::DailyCount;
use crate::event::EventKind;
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Changes counts.
#[async_trait]
pub trait AnalyticsRepository: Send {
    /// Counts one event on the day it happened.
    async fn count(&mut self, kind: EventKind, occurred_at: UnixMillis) -> Result<(), StoreError>;
}

/// Reads counts.
#[async_trait]
pub trait AnalyticsReader: Send + Sync {
    /// How often each kind happened on each day, oldest day first.
    async fn daily(&self) -> Result<Vec<DailyCount>, StoreError>;
}
