//! Counts of events.

use async_trait::async_trait;
use domain::analytics::{AnalyticsReader, AnalyticsRepository, DailyCount};
use domain::{EventKind, StoreError, UnixMillis};

use super::PostgresStore;
use super::unit_of_work::PostgresUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::rows::analytics::CountRow;

#[async_trait]
impl AnalyticsRepository for PostgresUnitOfWork {
    async fn count(&mut self, kind: EventKind, occurred_at: UnixMillis) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO daily_counts (day, kind, count)
             VALUES ($1, $2, 1)
             ON CONFLICT (day, kind) DO UPDATE SET count = daily_counts.count + 1",
        )
        .bind(occurred_at.day())
        .bind(kind.as_str())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl AnalyticsReader for PostgresStore {
    async fn daily(&self) -> Result<Vec<DailyCount>, StoreError> {
        sqlx::query_as::<_, CountRow>(
            "SELECT day, kind, count FROM daily_counts ORDER BY day, kind",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("daily count"))?
        .into_iter()
        .map(DailyCount::try_from)
        .collect()
    }
}
