//! Jobs that failed for good.

use domain::event::dead_letter::{
    DeadLetter, DeadLetterCount, FailedAttempt, FailedForGood, FailedWork,
};
use domain::{EventId, StoreError, UnixMillis};
use sqlx::FromRow;
use uuid::Uuid;

use crate::failure::corrupt;

#[derive(FromRow)]
pub(crate) struct LetterRow {
    id: Uuid,
    queue: String,
    job_id: String,
    handler: String,
    event_id: Option<Uuid>,
    kind: String,
    payload: String,
    original_payload: Option<String>,
    reason: String,
    class: String,
    fingerprint: String,
    attempts: i64,
    history: String,
    failed_at: i64,
    state: String,
    changed_at: i64,
    revision: i64,
}

impl TryFrom<LetterRow> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: LetterRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.id.into(),
            failure: FailedForGood {
                work: FailedWork {
                    queue: row.queue,
                    job: row.job_id,
                    handler: row.handler,
                },
                event: row.event_id.map(EventId::from),
                kind: row.kind,
                payload: row.payload,
                reason: row.reason,
                class: row.class.parse().map_err(corrupt("dead letter"))?,
                attempts: counted(row.attempts)?,
                history: FailedAttempt::list_from_json(&row.history)
                    .map_err(corrupt("dead letter"))?,
                failed_at: UnixMillis::new(row.failed_at),
            },
            fingerprint: row.fingerprint,
            original_payload: row.original_payload,
            state: row.state.parse().map_err(corrupt("dead letter"))?,
            changed_at: UnixMillis::new(row.changed_at),
            revision: counted(row.revision)?,
        })
    }
}

/// Counts fit, because they were written as such; one that doesn't is not this program's.
fn counted(count: i64) -> Result<u32, StoreError> {
    u32::try_from(count).map_err(corrupt("dead letter"))
}

#[derive(FromRow)]
pub(crate) struct CountRow {
    handler: String,
    class: String,
    letters: i64,
}

impl TryFrom<CountRow> for DeadLetterCount {
    type Error = StoreError;

    fn try_from(row: CountRow) -> Result<Self, Self::Error> {
        Ok(Self {
            handler: row.handler,
            class: row.class.parse().map_err(corrupt("dead letter"))?,
            letters: row.letters.unsigned_abs(),
        })
    }
}
