//! Generations of what the queues hold, and what is published again after one.
//!
//! One row knows the last generation. Whoever records publications shares that row's lock until they
//! are recorded, so the next generation begins after them, and they are seen by the look that follows
//! it; whoever comes later is told that the generation is over.

use async_trait::async_trait;
use domain::event::generation::{Duty, Generation, Generations, Looked};
use domain::{EventId, StoreError, UnixMillis};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PostgresStore;
use super::locks::Lock;
use crate::failure::unavailable;

/// Publishes again what a look has found: an event without an inbox row for one of its handlers,
/// unless that handler failed for good on it.
const PUBLISH_AGAIN: &str = "
    UPDATE outbox SET published_at = NULL
    WHERE (published_in, seq) > ($1, $2) AND (published_in, seq) <= ($3, $4)
      AND published_at IS NOT NULL
      AND EXISTS (
          SELECT 1
          FROM unnest($5::text[], $6::text[]) AS duty (kind, handler)
          WHERE duty.kind = outbox.kind
            AND NOT EXISTS (
                SELECT 1 FROM inbox
                WHERE inbox.handler = duty.handler AND inbox.event_id = outbox.event_id
            )
            AND NOT EXISTS (
                SELECT 1 FROM dead_letters
                WHERE dead_letters.event_id = outbox.event_id
                  AND dead_letters.handler = duty.handler
                  AND dead_letters.state IN ('dead', 'discarded')
            )
      )";

#[async_trait]
impl Generations for PostgresStore {
    async fn generation(&self, identity: &str) -> Result<(Generation, bool), StoreError> {
        let known: Option<(String, i64)> =
            sqlx::query_as("SELECT identity, generation FROM queue_data")
                .fetch_optional(&self.pool)
                .await
                .map_err(unavailable)?;
        if let Some((last, generation)) = &known
            && last == identity
        {
            return Ok((Generation::from_i64(*generation), false));
        }
        // Of two processes that find new data at once, the second changes nothing.
        let begun: Option<i64> = sqlx::query_scalar(
            "INSERT INTO queue_data (id, identity, generation, looked_in, looked_up_to)
             VALUES (1, $1, 0, 0, 0)
             ON CONFLICT (id) DO UPDATE SET
                 identity = excluded.identity, generation = queue_data.generation + 1
             WHERE queue_data.identity <> excluded.identity
             RETURNING generation",
        )
        .bind(identity)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)?;
        if let Some(generation) = begun.map(Generation::from_i64) {
            return Ok((generation, generation > Generation::FIRST));
        }
        let generation = sqlx::query_scalar("SELECT generation FROM queue_data")
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok((Generation::from_i64(generation), false))
    }

    async fn mark_published_in(
        &self,
        generation: Generation,
        events: &[EventId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let ids: Vec<Uuid> = events.iter().copied().map(EventId::as_uuid).collect();
        // Once it has the lock, Postgres looks again whether the row still is of this generation.
        let done = sqlx::query(
            "WITH current AS (
                 SELECT generation FROM queue_data WHERE generation = $3 FOR SHARE
             )
             UPDATE outbox SET published_at = $2, published_in = current.generation
             FROM current
             WHERE published_at IS NULL AND event_id = ANY($1)",
        )
        .bind(ids)
        .bind(now.as_i64())
        .bind(generation.as_i64())
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn publish_again(&self, duties: &[Duty], limit: u32) -> Result<Looked, StoreError> {
        let mut tx = self.pool.begin().await.map_err(unavailable)?;
        let looked = look(&mut tx, duties, limit).await.map_err(unavailable)?;
        // Whatever was found: dropped, it would end some time later, and until then keep the next look out.
        tx.commit().await.map_err(unavailable)?;
        if looked.at > 0 {
            self.signals.tell();
        }
        Ok(looked)
    }
}

/// A look at what earlier generations published; none if somebody else is looking.
async fn look(tx: &mut PgConnection, duties: &[Duty], limit: u32) -> sqlx::Result<Looked> {
    let turn = Lock::Recovering.take_free(tx, &[Uuid::nil()]).await?;
    if turn.is_empty() {
        return Ok(Looked::default());
    }
    let from: Option<(i64, i64, i64)> =
        sqlx::query_as("SELECT generation, looked_in, looked_up_to FROM queue_data")
            .fetch_optional(&mut *tx)
            .await?;
    let Some((generation, looked_in, looked_up_to)) = from else {
        return Ok(Looked::default());
    };
    let window: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT published_in, seq
         FROM outbox
         WHERE published_at IS NOT NULL AND (published_in, seq) > ($1, $2)
           AND published_in < $3
         ORDER BY published_in, seq
         LIMIT $4",
    )
    .bind(looked_in)
    .bind(looked_up_to)
    .bind(generation)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let Some((last_in, last)) = window.last().copied() else {
        return Ok(Looked::default());
    };
    // In this order, or who records publications could wait for what waits for it.
    sqlx::query("UPDATE queue_data SET looked_in = $1, looked_up_to = $2")
        .bind(last_in)
        .bind(last)
        .execute(&mut *tx)
        .await?;
    let (kinds, handlers): (Vec<_>, Vec<_>) = duties
        .iter()
        .map(|duty| (duty.kind.as_str(), duty.handler))
        .unzip();
    let done = sqlx::query(PUBLISH_AGAIN)
        .bind(looked_in)
        .bind(looked_up_to)
        .bind(last_in)
        .bind(last)
        .bind(kinds)
        .bind(handlers)
        .execute(&mut *tx)
        .await?;
    Ok(Looked {
        at: window.len() as u64,
        again: done.rows_affected(),
    })
}
