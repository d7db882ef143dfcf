//! Which handler has seen which event.

use async_trait::async_trait;
use domain::event::inbox::Inbox;
use domain::{EventId, StoreError, UnixMillis};

use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::unavailable;

#[async_trait]
impl Inbox for SqliteUnitOfWork {
    async fn first_time(
        &mut self,
        handler: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO inbox (handler, event_id, seen_at)
             VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )
        .bind(handler)
        .bind(event.as_uuid())
        .bind(now.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn forget(&mut self, handler: &str, event: EventId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM inbox WHERE handler = ?1 AND event_id = ?2")
            .bind(handler)
            .bind(event.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
