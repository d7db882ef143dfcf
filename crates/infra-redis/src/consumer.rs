//! Performs the jobs that carry domain events.

use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::DeadLetters;
use application::events::dispatcher::{DispatchError, Dispatcher};
use application::events::fence::Fence;
use application::events::observer::EventObserver;
use application::queues::QueueName;
use domain::event::cloud_event::DecodeError;
use domain::event::dead_letter::{FailedAttempt, FailedForGood, FailedWork, FailureClass};
use domain::{Clock, EventEnvelope};
use tracing::{info, warn};

use crate::engine::{Claimed, Failure, Interruption, JobContext, JobError, Processor};
use crate::history;
use crate::publisher::EventJson;

/// How long an event waits at least that a newer release wrote: a rolling deploy brings a worker
/// that can read it.
const NEWER_VERSION_WAIT: Duration = Duration::from_mins(1);

/// How late a worker that can read an event may notice that it waits.
const LONGEST_NEWER_VERSION_WAIT: Duration = Duration::from_hours(1);

/// How long an event waits whose handlers can't begin, because storage is away. That costs it no
/// attempt: an outage of any length fails no job.
const STORAGE_WAIT: Duration = Duration::from_secs(1);

/// When a job is tried again whose dead letter could not be kept.
const LETTER_WAIT: Duration = Duration::from_secs(5);

/// Decodes a job's event and hands it to the handlers. A job that fails for good is kept as a dead
/// letter first.
pub struct EventProcessor {
    queue: QueueName,
    dispatcher: Dispatcher,
    letters: DeadLetters,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn EventObserver>,
}

/// The job at hand. Its lock is what fences the handlers' transactions.
struct Attempt<'a> {
    job: &'a Claimed<EventJson>,
    context: &'a JobContext,
}

impl Fence for Attempt<'_> {
    fn holds(&self) -> bool {
        self.context.holds_lock()
    }
}

impl EventProcessor {
    /// A processor of this queue's jobs that hands events to this dispatcher.
    pub fn new(
        queue: QueueName,
        dispatcher: Dispatcher,
        letters: DeadLetters,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            queue,
            dispatcher,
            letters,
            clock,
            observer: Arc::new(()),
        }
    }

    /// Tells somebody of jobs that wait for a newer release.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn EventObserver>) -> Self {
        Self { observer, ..self }
    }

    async fn perform(&self, attempt: &Attempt<'_>) -> Result<(), JobError> {
        let payload = attempt.job.data.get();
        match EventEnvelope::from_json(payload) {
            Ok(envelope) => match self.dispatcher.dispatch_within(&envelope, attempt).await {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(attempt, &envelope, &error).await),
            },
            Err(error @ DecodeError::NewerVersion { .. }) => {
                Err(self.parked(attempt, &error).await)
            }
            Err(error) => {
                let failure = self.now(Failure::from(error.to_string()));
                let class = FailureClass::Undecodable;
                let letter = self.letter(attempt, "", None, class, &failure);
                Err(self.buried(attempt, &[letter], failure).await)
            }
        }
    }

    /// Puts a job off that a newer release wrote, for as long as it has waited already.
    async fn parked(&self, attempt: &Attempt<'_>, error: &DecodeError) -> JobError {
        let Attempt { job, context } = attempt;
        let now = u64::try_from(self.clock.now().as_i64()).unwrap_or(0);
        let age = Duration::from_millis(now.saturating_sub(job.timestamp));
        let wait = age.clamp(NEWER_VERSION_WAIT, LONGEST_NEWER_VERSION_WAIT);
        let line = format!("Waits {wait:.0?} for a newer release: {error}");
        info!(job.id = %job.id, "Event {} waits for a newer release: {error}", job.id);
        self.observer.parked(self.queue);
        // The line is for whoever looks at the job; without it, the job waits all the same.
        if let Err(error) = context.log(&line).await {
            warn!(job.id = %job.id, %error, "Why job {} waits could not be noted", job.id);
        }
        JobError::NotYet(wait)
    }

    /// What becomes of a job whose handlers failed.
    async fn failed(
        &self,
        attempt: &Attempt<'_>,
        envelope: &EventEnvelope,
        error: &DispatchError,
    ) -> JobError {
        let cause: &(dyn std::error::Error + 'static) = error.decisive().error.cause();
        if error.is_taken() {
            return taken();
        }
        if error.is_away() {
            warn!("Events wait for storage, which is away: {cause}");
            return JobError::NotYet(STORAGE_WAIT);
        }
        let failure = self.now(Failure::from(cause));
        if error.can_be_mended() && attempt.job.attempt < attempt.context.attempts() {
            return JobError::Transient(failure);
        }
        let letters: Vec<_> = error
            .failures()
            .map(|failed| {
                let class = if failed.error.can_be_mended() {
                    FailureClass::Exhausted
                } else {
                    FailureClass::Permanent
                };
                let cause: &(dyn std::error::Error + 'static) = failed.error.cause();
                let own = self.now(Failure::from(cause));
                self.letter(attempt, failed.handler, Some(envelope), class, &own)
            })
            .collect();
        self.buried(attempt, &letters, failure).await
    }

    /// Keeps letters of a job that was cancelled, for the handlers that have not acted.
    async fn cancelled(&self, attempt: &Attempt<'_>, reason: String) -> JobError {
        let failure = self.now(Failure::from(reason));
        let class = FailureClass::Cancelled;
        if let Ok(envelope) = EventEnvelope::from_json(attempt.job.data.get()) {
            let concerned = self.dispatcher.concerned(envelope.kind());
            let letter = |handler| self.letter(attempt, handler, Some(&envelope), class, &failure);
            let letters: Vec<_> = concerned.map(letter).collect();
            if let Err(error) = self.letters.keep(&letters).await {
                // The worker fails it all the same; the failed jobs are looked through now and then.
                let id = &attempt.job.id;
                warn!(job.id = %id, %error, "The dead letter of cancelled job {id} is kept later");
            }
        }
        JobError::Permanent(failure)
    }

    /// Fails a job for good, after its letters are kept.
    async fn buried(
        &self,
        attempt: &Attempt<'_>,
        letters: &[FailedForGood],
        failure: Failure,
    ) -> JobError {
        match self.letters.keep(letters).await {
            Ok(()) => JobError::Permanent(failure),
            Err(error) => {
                let id = &attempt.job.id;
                warn!(job.id = %id, %error, "Job {id} can't fail before its dead letter is kept");
                JobError::NotYet(LETTER_WAIT)
            }
        }
    }

    fn letter(
        &self,
        attempt: &Attempt<'_>,
        handler: &str,
        envelope: Option<&EventEnvelope>,
        class: FailureClass,
        failure: &Failure,
    ) -> FailedForGood {
        let Attempt { job, context } = attempt;
        let earlier = context.traces().iter().map(|trace| history::read(trace));
        let last: FailedAttempt = history::read(&failure.trace);
        FailedForGood {
            work: FailedWork {
                queue: self.queue.to_string(),
                job: job.id.clone(),
                handler: handler.to_owned(),
            },
            event: envelope.map(|envelope| envelope.id),
            kind: job.name.clone(),
            payload: job.data.get().to_owned(),
            reason: failure.reason.clone(),
            class,
            attempts: job.attempt,
            history: earlier.chain([last]).collect(),
            failed_at: self.clock.now(),
        }
    }

    /// A failure that happened now.
    fn now(&self, mut failure: Failure) -> Failure {
        failure.trace = history::written(&failure.trace, self.clock.now());
        failure
    }
}

impl Processor for EventProcessor {
    type Data = EventJson;
    type Output = ();

    async fn process(&self, job: Claimed<EventJson>, context: &JobContext) -> Result<(), JobError> {
        let attempt = Attempt { job: &job, context };
        let performed = tokio::select! {
            // Once the lock can't be proven, another worker may have the job: dropping the handler
            // rolls its transaction back.
            biased;
            () = context.cancelled() => Err(taken()),
            performed = self.perform(&attempt) => performed,
        };
        match context.interruption() {
            Some(Interruption::Cancelled { reason }) if performed.is_err() => {
                Err(self.cancelled(&attempt, reason).await)
            }
            _ => performed,
        }
    }
}

/// A job that another worker may have by now: nothing is said of it.
fn taken() -> JobError {
    JobError::transient("the job was taken from this worker")
}
