//! Jobs that failed for good.

use async_trait::async_trait;
use domain::event::dead_letter::{
    DeadLetter, DeadLetterCount, DeadLetterFilter, DeadLetterId, DeadLetterReader,
    DeadLetterRepository, FailedAttempt, FailedForGood, FailureClass, LetterState,
};
use domain::{EventId, Page, PageRequest, StoreError, UnixMillis};
use uuid::Uuid;

use super::PostgresStore;
use super::text::storable;
use super::unit_of_work::PostgresUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::dead_letters::{CountRow, LetterRow};

/// Keeps a failure. Of two that keep one of the same work at once, the second waits for the first
/// and then changes its letter. `$14` says that only a letter which was redriven before may be
/// changed; then no row means that another stands.
const KEEP: &str = "
    INSERT INTO dead_letters
        (id, queue, job_id, handler, event_id, kind, payload, reason, class, fingerprint,
         attempts, history, failed_at, state, changed_at, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'dead', $13, 1)
    ON CONFLICT (queue, job_id, handler) DO UPDATE SET
        event_id = excluded.event_id, kind = excluded.kind, payload = excluded.payload,
        original_payload = CASE WHEN dead_letters.payload = excluded.payload
            THEN dead_letters.original_payload END,
        reason = excluded.reason, class = excluded.class,
        fingerprint = excluded.fingerprint, attempts = excluded.attempts,
        history = excluded.history, failed_at = excluded.failed_at, state = 'dead',
        changed_at = excluded.changed_at, revision = dead_letters.revision + 1
    WHERE NOT $14
       OR (dead_letters.state = 'redriven' AND dead_letters.changed_at <= excluded.failed_at)
    RETURNING id";

impl PostgresUnitOfWork {
    async fn keep(
        &mut self,
        failure: &FailedForGood,
        only_after_redrive: bool,
    ) -> Result<Option<DeadLetterId>, StoreError> {
        let id: Option<Uuid> = sqlx::query_scalar(KEEP)
            .bind(DeadLetterId::generate(failure.failed_at).as_uuid())
            .bind(storable(&failure.work.queue))
            .bind(storable(&failure.work.job))
            .bind(storable(&failure.work.handler))
            .bind(failure.event.map(EventId::as_uuid))
            .bind(storable(&failure.kind))
            .bind(storable(&failure.payload))
            .bind(storable(&failure.reason))
            .bind(failure.class.as_str())
            .bind(failure.fingerprint())
            .bind(i64::from(failure.attempts))
            .bind(FailedAttempt::list_to_json(&failure.history))
            .bind(failure.failed_at.as_i64())
            .bind(only_after_redrive)
            .fetch_optional(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(id.map(DeadLetterId::from))
    }
}

#[async_trait]
impl DeadLetterRepository for PostgresUnitOfWork {
    async fn record(&mut self, failure: &FailedForGood) -> Result<DeadLetterId, StoreError> {
        let id = self.keep(failure, false).await?;
        id.ok_or_else(|| StoreError::Conflict("dead letter"))
    }

    async fn reconcile(&mut self, failure: &FailedForGood) -> Result<bool, StoreError> {
        Ok(self.keep(failure, true).await?.is_some())
    }

    async fn resolve(
        &mut self,
        handler: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE dead_letters
             SET state = 'resolved', changed_at = $3, revision = revision + 1
             WHERE event_id = $1 AND handler = $2 AND state IN ('dead', 'redriven')",
        )
        .bind(event.as_uuid())
        .bind(handler)
        .bind(now.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn edit(
        &mut self,
        letter: &DeadLetter,
        payload: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE dead_letters
             SET original_payload = coalesce(original_payload, payload), payload = $3,
                 event_id = $4, changed_at = $5, revision = revision + 1
             WHERE id = $1 AND revision = $2 AND state = 'dead'",
        )
        .bind(letter.id.as_uuid())
        .bind(i64::from(letter.revision))
        .bind(storable(payload))
        .bind(event.as_uuid())
        .bind(now.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn bring_to(
        &mut self,
        letter: &DeadLetter,
        state: LetterState,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE dead_letters
             SET state = $3, changed_at = $4, revision = revision + 1
             WHERE id = $1 AND revision = $2",
        )
        .bind(letter.id.as_uuid())
        .bind(i64::from(letter.revision))
        .bind(state.as_str())
        .bind(now.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }
}

#[async_trait]
impl DeadLetterReader for PostgresStore {
    async fn by_id(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        sqlx::query_as::<_, LetterRow>("SELECT * FROM dead_letters WHERE id = $1")
            .bind(id.as_uuid())
            .fetch_optional(&self.pool)
            .await
            .map_err(unreadable("dead letter"))?
            .map(DeadLetter::try_from)
            .transpose()
    }

    async fn list(
        &self,
        filter: &DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let (at, id) = keyset::start(&page);
        let letters = sqlx::query_as::<_, LetterRow>(
            "SELECT * FROM dead_letters
             WHERE (failed_at, id) < ($1, $2)
               AND ($4::text IS NULL OR queue = $4)
               AND ($5::text IS NULL OR handler = $5)
               AND ($6::text IS NULL OR kind = $6)
               AND ($7::text IS NULL OR class = $7)
               AND ($8::text IS NULL OR fingerprint = $8)
               AND ($9::text IS NULL OR state = $9)
               AND ($10::bigint IS NULL OR failed_at >= $10)
               AND ($11::bigint IS NULL OR failed_at < $11)
             ORDER BY failed_at DESC, id DESC
             LIMIT $3",
        )
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .bind(&filter.queue)
        .bind(&filter.handler)
        .bind(&filter.kind)
        .bind(filter.class.map(FailureClass::as_str))
        .bind(&filter.fingerprint)
        .bind(filter.state.map(LetterState::as_str))
        .bind(filter.from.map(UnixMillis::as_i64))
        .bind(filter.until.map(UnixMillis::as_i64))
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("dead letter"))?
        .into_iter()
        .map(DeadLetter::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(
            letters,
            page.limit,
            DeadLetter::position,
        ))
    }

    async fn dead(&self) -> Result<Vec<DeadLetterCount>, StoreError> {
        // The condition is the one of the index of open letters, so that no other row is read.
        sqlx::query_as::<_, CountRow>(
            "SELECT handler, class, count(*) AS letters
             FROM dead_letters
             WHERE state IN ('dead', 'redriven') AND state = 'dead'
             GROUP BY handler, class
             ORDER BY handler, class",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("dead letter"))?
        .into_iter()
        .map(DeadLetterCount::try_from)
        .collect()
    }
}
