//! Forgetting what is no longer needed.

use async_trait::async_trait;
use domain::event::retention::Retention;
use domain::{StoreError, UnixMillis};

use super::PostgresStore;
use crate::failure::unavailable;

#[async_trait]
impl Retention for PostgresStore {
    async fn forget_published(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        // Rows that another process is about to forget are left to it.
        let done = sqlx::query(
            "DELETE FROM outbox WHERE seq IN (
                 SELECT seq FROM outbox
                 WHERE published_at < $1
                 ORDER BY published_at
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .bind(before.as_i64())
        .bind(i64::from(limit))
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn forget_seen(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM inbox WHERE (handler, event_id) IN (
                 SELECT handler, event_id FROM inbox
                 WHERE seen_at < $1
                 ORDER BY seen_at
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .bind(before.as_i64())
        .bind(i64::from(limit))
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn forget_letters(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM dead_letters WHERE id IN (
                 SELECT id FROM dead_letters
                 WHERE changed_at < $1
                 ORDER BY changed_at
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )",
        )
        .bind(before.as_i64())
        .bind(i64::from(limit))
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}
