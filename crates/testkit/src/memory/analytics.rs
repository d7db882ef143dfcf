//! Counts of events.

use async_trait::async_trait;
use domain::analytics::{AnalyticsReader, AnalyticsRepository, DailyCount};
use domain::{EventKind, StoreError, UnixMillis};

use super::MemoryStore;
use super::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl AnalyticsRepository for MemoryUnitOfWork {
    async fn count(&mut self, kind: EventKind, occurred_at: UnixMillis) -> Result<(), StoreError> {
        let bucket = (occurred_at.day(), kind.as_str());
        let (_, count) = self.state.counts.entry(bucket).or_insert((kind, 0));
        *count += 1;
        Ok(())
    }
}

#[async_trait]
impl AnalyticsReader for MemoryStore {
    async fn daily(&self) -> Result<Vec<DailyCount>, StoreError> {
        Ok(self.read(|state| {
            let counts = state.counts.iter();
            counts
                .map(|((day, _), (kind, count))| DailyCount {
                    day: day.clone(),
                    kind: *kind,
                    count: *count,
                })
                .collect()
        }))
    }
}
