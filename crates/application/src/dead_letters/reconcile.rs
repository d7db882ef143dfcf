//! Jobs that failed without a handler's saying so.
//!
//! A worker keeps a letter before it fails a job, but not every job is failed by one: a job that
//! lost its worker too often, or whose data can't even be given to the processor, is failed by the
//! queue engine, and another client can fail any job.

use std::time::Duration;

use domain::event::dead_letter::{FailedAttempt, FailedForGood, FailedWork, FailureClass};
use domain::{EventEnvelope, EventId, StoreError, UnitOfWork, UnixMillis};

use super::{DeadLetters, has_acted};
use crate::handlers_of;
use crate::queues::QueueName;

/// A job that stands in its queue as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedJob {
    /// Its queue.
    pub queue: QueueName,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it works on, as it is.
    pub payload: String,
    /// Why it failed.
    pub reason: String,
    /// What kind of failure it was, if its payload can be read.
    pub class: FailureClass,
    /// How many attempts were made.
    pub attempts: u32,
    /// The attempts that are known, oldest first.
    pub history: Vec<FailedAttempt>,
    /// When it failed.
    pub failed_at: UnixMillis,
}

impl DeadLetters {
    /// Keeps what there is no letter of yet, for each handler that has not acted; how many letters
    /// that made. What failed longer ago than `retention` is passed over: its letter may have been
    /// pruned.
    pub async fn reconcile(&self, job: &FailedJob, retention: Duration) -> Result<u64, StoreError> {
        if job.failed_at < self.clock.now().earlier(retention) {
            return Ok(0);
        }
        let mut work = self.store.begin().await?;
        let mut kept = 0;
        for failure in self.failures(job, work.as_mut()).await? {
            kept += u64::from(work.dead_letters().reconcile(&failure).await?);
        }
        if kept > 0 {
            work.commit().await?;
        }
        Ok(kept)
    }

    async fn failures(
        &self,
        job: &FailedJob,
        work: &mut dyn UnitOfWork,
    ) -> Result<Vec<FailedForGood>, StoreError> {
        let Ok(envelope) = EventEnvelope::from_json(&job.payload) else {
            return Ok(vec![job.failure("", None, FailureClass::Undecodable)]);
        };
        let mut failures = Vec::new();
        for handler in handlers_of(job.queue) {
            if !handler.reacts_to(envelope.kind()) {
                continue;
            }
            let failure = job.failure(handler.name(), Some(envelope.id), job.class);
            if !has_acted(work, &failure).await? {
                failures.push(failure);
            }
        }
        Ok(failures)
    }
}

impl FailedJob {
    fn failure(&self, handler: &str, event: Option<EventId>, class: FailureClass) -> FailedForGood {
        FailedForGood {
            work: FailedWork {
                queue: self.queue.to_string(),
                job: self.id.clone(),
                handler: handler.to_owned(),
            },
            event,
            kind: self.name.clone(),
            payload: self.payload.clone(),
            reason: self.reason.clone(),
            class,
            attempts: self.attempts,
            history: self.history.clone(),
            failed_at: self.failed_at,
        }
    }
}
