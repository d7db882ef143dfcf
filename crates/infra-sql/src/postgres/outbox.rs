//! Events that wait to be published.
//!
//! Two things keep the events of a subject in order. Whoever records one holds a lock on the subject
//! from before the row gets its number until the commit, so that a row never appears behind one that
//! is published already. And a relay claims subjects rather than rows: while it publishes a
//! subject's events, other relays pass over all of that subject's, and take what else there is.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::event::outbox::{Backlog, Claim, Outbox, OutboxReader, Pending};
use domain::{EventEnvelope, EventId, StoreError, UnixMillis};
use sqlx::{Postgres, Transaction};
use tracing::{debug, error};
use uuid::Uuid;

use super::PostgresStore;
use super::locks::Lock;
use super::text::storable;
use super::unit_of_work::PostgresUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::rows::outbox::{self, BacklogRow, PendingRow, Unreadable};

#[async_trait]
impl Outbox for PostgresUnitOfWork {
    async fn record(&mut self, events: &[EventEnvelope]) -> Result<(), StoreError> {
        let subjects = events.iter().map(|envelope| envelope.event.subject());
        Lock::Recording
            .take_all(self.connection(), subjects)
            .await
            .map_err(unavailable)?;
        for envelope in events {
            sqlx::query(
                "INSERT INTO outbox (event_id, kind, subject, envelope, recorded_at)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(envelope.id.as_uuid())
            .bind(envelope.kind().as_str())
            .bind(envelope.event.subject())
            .bind(envelope.to_json())
            .bind(envelope.occurred_at.as_i64())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            self.has_recorded();
        }
        Ok(())
    }
}

impl PostgresStore {
    /// Leaves an event alone until a time, without counting a refusal.
    async fn put_off(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET last_refusal = $2, due_at = $3
             WHERE event_id = $1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(storable(reason))
        .bind(until.as_i64())
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    /// The rows to publish, read or not: an event stays behind an earlier one of its subject that
    /// was put off, so that an aggregate's events leave in the order in which they happened.
    async fn pending_rows(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> Result<Vec<PendingRow>, StoreError> {
        sqlx::query_as(
            "SELECT event_id, subject, envelope, refusals
             FROM outbox
             WHERE published_at IS NULL AND parked_reason IS NULL
               AND (due_at IS NULL OR due_at <= $1)
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > $1
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )
             ORDER BY seq
             LIMIT $2",
        )
        .bind(now.as_i64())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("outbox"))
    }

    /// What can be read of these rows. An event that can't is parked, or put off if a newer release
    /// wrote it; those of its subject wait behind it then.
    async fn readable(
        &self,
        rows: Vec<PendingRow>,
        now: UnixMillis,
    ) -> Result<Vec<Pending>, StoreError> {
        let looked = outbox::look(rows, now);
        for Unreadable {
            event: id,
            reason,
            until,
        } in looked.unreadable
        {
            if let Some(until) = until {
                self.put_off(id, &reason, until).await?;
            } else {
                self.park(id, &reason).await?;
                // The reason may quote the payload, so it stays in the row.
                error!(event.id = %id, "Parked event {id}, which can't be read");
            }
        }
        Ok(looked.pending)
    }
}

#[async_trait]
impl OutboxReader for PostgresStore {
    async fn recorded(&self) {
        self.signals.heard(&self.pool).await;
    }

    async fn claim(&self, now: UnixMillis, limit: u32) -> Result<Box<dyn Claim>, StoreError> {
        let mut claim = Claimed {
            events: Vec::new(),
            tx: self.pool.begin().await.map_err(unavailable)?,
        };
        let mut after = 0;
        // Window by window, past what other relays are at.
        loop {
            let window = claim.window(now, after, limit).await?;
            let Some((last, _)) = window.last() else {
                break;
            };
            after = *last;
            let is_last = window.len() < limit as usize;
            let free = claim.take_free(window).await?;
            // The locks came after the look: others may have published in between. And again if
            // nothing can be read: an empty claim would say that nothing waits.
            loop {
                let rows = claim.rows_of(&free, now, limit).await?;
                if rows.is_empty() {
                    break;
                }
                claim.events = self.readable(rows, now).await?;
                if !claim.events.is_empty() {
                    return Ok(Box::new(claim));
                }
            }
            if is_last {
                break;
            }
        }
        Ok(Box::new(claim))
    }

    async fn pending(&self, now: UnixMillis, limit: u32) -> Result<Vec<Pending>, StoreError> {
        // Again if nothing in a batch can be read: an empty answer would say that nothing waits.
        loop {
            let rows = self.pending_rows(now, limit).await?;
            let is_last_look = rows.is_empty();
            let pending = self.readable(rows, now).await?;
            if is_last_look || !pending.is_empty() {
                return Ok(pending);
            }
        }
    }

    async fn mark_published(&self, events: &[EventId], now: UnixMillis) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = events.iter().copied().map(EventId::as_uuid).collect();
        sqlx::query(
            "UPDATE outbox SET published_at = $2
             WHERE published_at IS NULL AND event_id = ANY($1)",
        )
        .bind(ids)
        .bind(now.as_i64())
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn defer(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET refusals = refusals + 1, last_refusal = $2, due_at = $3
             WHERE event_id = $1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(storable(reason))
        .bind(until.as_i64())
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn park(&self, event: EventId, reason: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outbox SET parked_reason = $2 WHERE event_id = $1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(storable(reason))
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn let_go(&self, event: EventId, payload: &str) -> Result<bool, StoreError> {
        // What waits already has the payload that it was given.
        let waits: Option<bool> = sqlx::query_scalar(
            "WITH released AS (
                 UPDATE outbox
                 SET envelope = $2, parked_reason = NULL, refusals = 0, due_at = NULL
                 WHERE event_id = $1 AND published_at IS NULL AND parked_reason IS NOT NULL
             )
             SELECT published_at IS NULL FROM outbox WHERE event_id = $1",
        )
        .bind(event.as_uuid())
        .bind(storable(payload))
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)?;
        self.signals.tell();
        Ok(waits.unwrap_or(false))
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        // An event behind one that is due later doesn't count: it is not published at its own time.
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(due_at)
             FROM outbox
             WHERE due_at IS NOT NULL AND published_at IS NULL AND parked_reason IS NULL
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > outbox.due_at
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(due.map(UnixMillis::new))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let row: BacklogRow = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE parked_reason IS NULL) AS pending,
                    count(parked_reason) AS parked,
                    min(recorded_at) FILTER (WHERE parked_reason IS NULL) AS oldest
             FROM outbox
             WHERE published_at IS NULL",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(row.into())
    }
}

/// The events of some subjects, whose locks last as long as the transaction.
struct Claimed {
    events: Vec<Pending>,
    tx: Transaction<'static, Postgres>,
}

impl Claimed {
    /// The next rows that are due, whoever is at them: number and subject.
    async fn window(
        &mut self,
        now: UnixMillis,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Uuid)>, StoreError> {
        sqlx::query_as(
            "SELECT seq, subject
             FROM outbox
             WHERE published_at IS NULL AND parked_reason IS NULL AND seq > $2
               AND (due_at IS NULL OR due_at <= $1)
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > $1
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )
             ORDER BY seq
             LIMIT $3",
        )
        .bind(now.as_i64())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.tx)
        .await
        .map_err(unreadable("outbox"))
    }

    /// Claims the subjects of these rows that no other relay is at.
    async fn take_free(&mut self, window: Vec<(i64, Uuid)>) -> Result<Vec<Uuid>, StoreError> {
        let subjects: BTreeSet<Uuid> = window.into_iter().map(|(_, subject)| subject).collect();
        let subjects: Vec<Uuid> = subjects.into_iter().collect();
        Lock::Relaying
            .take_free(&mut self.tx, &subjects)
            .await
            .map_err(unavailable)
    }

    /// What is due of these subjects, from the first event of each on.
    async fn rows_of(
        &mut self,
        subjects: &[Uuid],
        now: UnixMillis,
        limit: u32,
    ) -> Result<Vec<PendingRow>, StoreError> {
        sqlx::query_as(
            "SELECT event_id, subject, envelope, refusals
             FROM outbox
             WHERE published_at IS NULL AND parked_reason IS NULL AND subject = ANY($3)
               AND (due_at IS NULL OR due_at <= $1)
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > $1
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )
             ORDER BY seq
             LIMIT $2",
        )
        .bind(now.as_i64())
        .bind(i64::from(limit))
        .bind(subjects)
        .fetch_all(&mut *self.tx)
        .await
        .map_err(unreadable("outbox"))
    }
}

#[async_trait]
impl Claim for Claimed {
    fn events(&self) -> &[Pending] {
        &self.events
    }

    async fn release(self: Box<Self>) {
        // Where that fails, the connection is gone, and the locks with it.
        if let Err(error) = self.tx.rollback().await {
            debug!("A claim ended with its connection: {error}");
        }
    }
}
