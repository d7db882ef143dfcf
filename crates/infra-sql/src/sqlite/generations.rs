//! Generations of what the queues hold, and what is published again after one. One transaction
//! writes at a time, which keeps recording apart from looking.

use async_trait::async_trait;
use domain::event::generation::{Duty, Generation, Generations, Looked};
use domain::{EventId, StoreError, UnitOfWork, UnixMillis};
use sqlx::SqliteExecutor;

use super::SqliteStore;
use super::outbox::json_list;
use crate::failure::unavailable;

/// Publishes again what a look has found: an event without an inbox row for one of its handlers,
/// unless that handler failed for good on it.
const PUBLISH_AGAIN: &str = "
    UPDATE outbox SET published_at = NULL
    WHERE (published_in, seq) > (?1, ?2) AND (published_in, seq) <= (?3, ?4)
      AND published_at IS NOT NULL
      AND EXISTS (
          SELECT 1
          FROM json_each(?5) AS duty
          WHERE duty.value ->> 0 = outbox.kind
            AND NOT EXISTS (
                SELECT 1 FROM inbox
                WHERE inbox.handler = duty.value ->> 1 AND inbox.event_id = outbox.event_id
            )
            AND NOT EXISTS (
                SELECT 1 FROM dead_letters
                WHERE dead_letters.event_id = outbox.event_id
                  AND dead_letters.handler = duty.value ->> 1
                  AND dead_letters.state IN ('dead', 'discarded')
            )
      )";

#[async_trait]
impl Generations for SqliteStore {
    async fn generation(&self, identity: &str) -> Result<(Generation, bool), StoreError> {
        let known: Option<(String, i64)> =
            sqlx::query_as("SELECT identity, generation FROM queue_data")
                .fetch_optional(&self.readers)
                .await
                .map_err(unavailable)?;
        if let Some((last, generation)) = &known
            && last == identity
        {
            return Ok((Generation::from_i64(*generation), false));
        }
        // Of two processes that find new data at once, the second changes nothing.
        let begun = sqlx::query(
            "INSERT INTO queue_data (id, identity, generation, looked_in, looked_up_to)
             VALUES (1, ?1, 0, 0, 0)
             ON CONFLICT (id) DO UPDATE SET
                 identity = excluded.identity, generation = queue_data.generation + 1
             WHERE queue_data.identity <> excluded.identity",
        )
        .bind(identity);
        let has_begun = self.write(begun).await? == 1;
        let generation: i64 = sqlx::query_scalar("SELECT generation FROM queue_data")
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable)?;
        Ok((
            Generation::from_i64(generation),
            has_begun && known.is_some(),
        ))
    }

    async fn mark_published_in(
        &self,
        generation: Generation,
        events: &[EventId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let statement = sqlx::query(
            "UPDATE outbox SET published_at = ?2, published_in = ?3
             WHERE published_at IS NULL
               AND event_id IN (SELECT unhex(value) FROM json_each(?1))
               AND EXISTS (SELECT 1 FROM queue_data WHERE generation = ?3)",
        )
        .bind(json_list(events))
        .bind(now.as_i64())
        .bind(generation.as_i64());
        self.write(statement).await
    }

    async fn publish_again(&self, duties: &[Duty], limit: u32) -> Result<Looked, StoreError> {
        // Mostly there is nothing to be looked at, and then nobody should have to wait.
        if window(&self.readers, limit).await?.is_empty() {
            return Ok(Looked::default());
        }
        let mut unit = self.unit_of_work().await?;
        // Another process may have looked meanwhile.
        let window = window(unit.connection(), limit).await?;
        let Some((looked_in, looked_up_to, last_in, last)) = window.last().copied() else {
            return Ok(Looked::default());
        };
        let done = sqlx::query(PUBLISH_AGAIN)
            .bind(looked_in)
            .bind(looked_up_to)
            .bind(last_in)
            .bind(last)
            .bind(json_pairs(duties))
            .execute(unit.connection())
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE queue_data SET looked_in = ?1, looked_up_to = ?2")
            .bind(last_in)
            .bind(last)
            .execute(unit.connection())
            .await
            .map_err(unavailable)?;
        unit.has_recorded();
        Box::new(unit).commit().await?;
        Ok(Looked {
            at: window.len() as u64,
            again: done.rows_affected(),
        })
    }
}

/// The next events of earlier generations, each by its generation and its number, behind those of
/// the last that was looked at.
async fn window<'e>(
    database: impl SqliteExecutor<'e>,
    limit: u32,
) -> Result<Vec<(i64, i64, i64, i64)>, StoreError> {
    sqlx::query_as(
        "SELECT looked_in, looked_up_to, published_in, seq
         FROM queue_data CROSS JOIN outbox
         WHERE published_at IS NOT NULL AND (published_in, seq) > (looked_in, looked_up_to)
           AND published_in < generation
         ORDER BY published_in, seq
         LIMIT ?1",
    )
    .bind(i64::from(limit))
    .fetch_all(database)
    .await
    .map_err(unavailable)
}

/// Kinds and names as JSON, the one kind of list that SQLite can bind. Neither needs an escape.
fn json_pairs(duties: &[Duty]) -> String {
    let items: Vec<String> = duties
        .iter()
        .map(|duty| format!("[\"{}\",\"{}\"]", duty.kind.as_str(), duty.handler))
        .collect();
    format!("[{}]", items.join(","))
}
