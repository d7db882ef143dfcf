//! Events that wait to be published.

use std::io;

use async_trait::async_trait;
use domain::event::outbox::{Backlog, Claim, Outbox, OutboxReader, Pending};
use domain::{EventEnvelope, EventId, StoreError, UnixMillis};
use tracing::error;

use super::SqliteStore;
use super::turn::Turn;
use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::rows::outbox::{self, BacklogRow, PendingRow, Unreadable};

#[async_trait]
impl Outbox for SqliteUnitOfWork {
    async fn record(&mut self, events: &[EventEnvelope]) -> Result<(), StoreError> {
        for envelope in events {
            sqlx::query(
                "INSERT INTO outbox (event_id, kind, subject, envelope, recorded_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
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

/// The events of the relay whose turn it is: on one file one relay publishes at a time, as one
/// process writes at a time.
struct Claimed {
    events: Vec<Pending>,
    _turn: Option<Turn>,
}

#[async_trait]
impl Claim for Claimed {
    fn events(&self) -> &[Pending] {
        &self.events
    }

    async fn release(self: Box<Self>) {}
}

impl SqliteStore {
    /// Leaves an event alone until a time, without counting a refusal.
    async fn put_off(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "UPDATE outbox SET last_refusal = ?2, due_at = ?3
             WHERE event_id = ?1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(reason)
        .bind(until.as_i64());
        self.write(statement).await.map(drop)
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
               AND (due_at IS NULL OR due_at <= ?1)
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > ?1
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )
             ORDER BY seq
             LIMIT ?2",
        )
        .bind(now.as_i64())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
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
impl OutboxReader for SqliteStore {
    async fn recorded(&self) {
        self.recorded.notified().await;
    }

    async fn claim(&self, now: UnixMillis, limit: u32) -> Result<Box<dyn Claim>, StoreError> {
        let turn = match self.relays.next().await {
            Ok(turn) => turn,
            // Another relay is at it for longer than anybody waits: what is pending is its to do.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Ok(Box::new(Claimed {
                    events: Vec::new(),
                    _turn: None,
                }));
            }
            Err(error) => return Err(unavailable(error.into())),
        };
        Ok(Box::new(Claimed {
            events: self.pending(now, limit).await?,
            _turn: Some(turn),
        }))
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
        let statement = sqlx::query(
            "UPDATE outbox SET published_at = ?2
             WHERE published_at IS NULL
               AND event_id IN (SELECT unhex(value) FROM json_each(?1))",
        )
        .bind(json_list(events))
        .bind(now.as_i64());
        self.write(statement).await.map(drop)
    }

    async fn defer(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "UPDATE outbox SET refusals = refusals + 1, last_refusal = ?2, due_at = ?3
             WHERE event_id = ?1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(reason)
        .bind(until.as_i64());
        self.write(statement).await.map(drop)
    }

    async fn park(&self, event: EventId, reason: &str) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "UPDATE outbox SET parked_reason = ?2 WHERE event_id = ?1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(reason);
        self.write(statement).await.map(drop)
    }

    async fn let_go(&self, event: EventId, payload: &str) -> Result<bool, StoreError> {
        // What waits already has the payload that it was given.
        let statement = sqlx::query(
            "UPDATE outbox
             SET envelope = CASE WHEN parked_reason IS NULL THEN envelope ELSE ?2 END,
                 refusals = CASE WHEN parked_reason IS NULL THEN refusals ELSE 0 END,
                 due_at = CASE WHEN parked_reason IS NULL THEN due_at END,
                 parked_reason = NULL
             WHERE event_id = ?1 AND published_at IS NULL",
        )
        .bind(event.as_uuid())
        .bind(payload);
        let waits = self.write(statement).await? == 1;
        self.recorded.notify_one();
        Ok(waits)
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        // An event behind one that is due later doesn't count: it is not published at its own time.
        // The index is named because SQLite would rather look through everything that waits.
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(due_at)
             FROM outbox INDEXED BY outbox_deferred
             WHERE due_at IS NOT NULL AND published_at IS NULL AND parked_reason IS NULL
               AND NOT EXISTS (
                   SELECT 1 FROM outbox AS earlier
                   WHERE earlier.subject = outbox.subject AND earlier.seq < outbox.seq
                     AND earlier.due_at > outbox.due_at
                     AND earlier.published_at IS NULL AND earlier.parked_reason IS NULL
               )",
        )
        .fetch_one(&self.readers)
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
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable)?;
        Ok(row.into())
    }
}

/// Ids as a JSON array of hexadecimal texts, the one kind of list that SQLite can bind.
pub(super) fn json_list(events: &[EventId]) -> String {
    let items: Vec<String> = events
        .iter()
        .map(|event| format!("\"{}\"", event.as_uuid().simple()))
        .collect();
    format!("[{}]", items.join(","))
}
