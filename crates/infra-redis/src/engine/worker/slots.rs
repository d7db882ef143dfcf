//! The jobs a worker has: those at work, one a slot, and those it holds until a slot is free.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};
use tracing::{Instrument, info_span, warn};

use super::WorkerSettings;
use super::attempt::perform;
use super::hold::{Hold, Interruption};
use super::leases::Leases;
use crate::engine::connection::Connection;
use crate::engine::job::Fetched;
use crate::engine::keys::QueueKeys;
use crate::engine::processor::{Failure, JobContext, JobError, Processor};

/// Performs jobs, as many at a time as there are slots.
pub(super) struct Slots<P> {
    connection: Connection,
    keys: QueueKeys,
    processor: Arc<P>,
    concurrency: usize,
    cancel_grace: Duration,
    attempts: JoinSet<Result<String, JobError>>,
    at_work: HashMap<Id, Held>,
    ahead: VecDeque<Held>,
    /// Those that came too late to be begun.
    too_late: Vec<Held>,
    /// Whether the worker has ended what was at work.
    is_aborted: bool,
}

/// A job and its lock.
struct Held {
    job: Arc<Fetched>,
    since: Instant,
    hold: Arc<Hold>,
}

impl Held {
    /// The end of an attempt that was not begun.
    fn not_begun(self) -> Ended {
        Ended {
            job: self.job,
            started: self.since,
            result: None,
        }
    }
}

/// An attempt that ended.
pub(super) struct Ended {
    pub(super) job: Arc<Fetched>,
    pub(super) started: Instant,
    /// Absent if it was ended before it had a result.
    pub(super) result: Option<Result<String, JobError>>,
}

type Joined = Result<(Id, Result<String, JobError>), JoinError>;

impl<P: Processor> Slots<P> {
    pub(super) fn new(
        connection: Connection,
        keys: QueueKeys,
        processor: P,
        settings: &WorkerSettings,
    ) -> Self {
        Self {
            connection,
            keys,
            processor: Arc::new(processor),
            concurrency: settings.concurrency.max(1),
            cancel_grace: settings.cancel_grace,
            attempts: JoinSet::new(),
            at_work: HashMap::new(),
            ahead: VecDeque::new(),
            too_late: Vec::new(),
            is_aborted: false,
        }
    }

    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// How many jobs there are, at work or held.
    pub(super) fn jobs(&self) -> usize {
        self.at_work.len() + self.ahead.len() + self.too_late.len()
    }

    /// How many jobs are at work.
    pub(super) fn at_work(&self) -> usize {
        self.at_work.len()
    }

    /// Takes a job that was claimed, and starts it if a slot is free.
    pub(super) fn take(&mut self, job: Fetched, leases: &Leases, asked_at: tokio::time::Instant) {
        let hold = leases.add(&job.id, &job.token, asked_at);
        self.ahead.push_back(Held {
            job: Arc::new(job),
            since: Instant::now(),
            hold,
        });
        self.fill(leases);
    }

    /// Starts jobs that are held while slots are free.
    fn fill(&mut self, leases: &Leases) {
        while self.at_work.len() < self.concurrency
            && let Some(held) = self.ahead.pop_front()
        {
            if held.hold.is_proven() {
                self.start(held);
            } else {
                // Another worker may have it by now, if only because this process stood still. If
                // none has, it goes back, or it would wait for its lock to end and count as stalled.
                let id = &held.job.id;
                warn!(
                    queue.name = self.keys.queue().name(),
                    job.id = %id,
                    "Job {id} is not begun here and goes back: by the time that it could be, its \
                     lock of {:?} may have run out", leases.lock_duration()
                );
                leases.remove(id, &held.job.token);
                self.too_late.push(held);
            }
        }
    }

    fn start(&mut self, mut held: Held) {
        held.since = Instant::now();
        let job = &held.job;
        let context = JobContext::new(
            self.connection.clone(),
            self.keys.clone(),
            Arc::clone(job),
            Arc::clone(&held.hold),
        );
        let span = info_span!(
            "job.process",
            queue.name = self.keys.queue().name(),
            job.id = %job.id,
            job.name = job.name.as_deref().unwrap_or_default(),
            job.attempt = job.attempts_made + 1,
        );
        let attempt = perform(Arc::clone(&self.processor), Arc::clone(job), context);
        // Boxed, since it would be copied with each future that is made of it.
        let attempt = within_grace(Box::pin(attempt), Arc::clone(&held.hold), self.cancel_grace);
        let handle = self.attempts.spawn(attempt.instrument(span));
        self.at_work.insert(handle.id(), held);
    }

    /// An attempt that ended or can't be begun; absent if there is none.
    pub(super) fn try_ended(&mut self, leases: &Leases) -> Option<Ended> {
        if let Some(held) = self.too_late.pop() {
            return Some(held.not_begun());
        }
        let joined = self.attempts.try_join_next_with_id()?;
        self.note(joined, leases)
    }

    /// The next attempt that ends; absent if none is at work. Cancel-safe.
    pub(super) async fn ended(&mut self, leases: &Leases) -> Option<Ended> {
        let joined = self.attempts.join_next_with_id().await?;
        self.note(joined, leases)
    }

    fn note(&mut self, joined: Joined, leases: &Leases) -> Option<Ended> {
        let (id, result) = match joined {
            // An attempt that ends with an error because it was told to has not failed.
            Ok((id, Err(_))) if self.is_aborted => (id, None),
            Ok((id, result)) => (id, Some(result)),
            Err(error) if error.is_panic() => {
                let id = error.id();
                let reason = panic_text(error.into_panic().as_ref());
                (id, Some(Err(JobError::transient(reason))))
            }
            // Only the end of the runtime ends an attempt that this worker did not end; nobody is
            // left to hand the job back, and its lock runs out as that of a killed process.
            Err(_) if !self.is_aborted => return None,
            Err(error) => (error.id(), None),
        };
        let held = self.at_work.remove(&id)?;
        self.fill(leases);
        let result = match held.hold.cancelled_for() {
            Some(reason) => Some(cancelled(reason, result)),
            None => result,
        };
        Some(Ended {
            job: held.job,
            started: held.since,
            result,
        })
    }

    /// Gives up the jobs that were not begun, the last one first: given back to the front of
    /// the queue in that order, they stand there as they did.
    pub(super) fn give_up_ahead(&mut self) -> Vec<Ended> {
        let given_up = self.too_late.drain(..).chain(self.ahead.drain(..)).rev();
        given_up.map(Held::not_begun).collect()
    }

    /// Tells every attempt to end, and ends those that wait.
    pub(super) fn abort(&mut self) {
        self.is_aborted = true;
        for held in self.at_work.values() {
            held.hold.interrupt(Interruption::WorkerStops);
        }
        self.attempts.abort_all();
    }
}

/// An attempt that is ended if the job is cancelled and it doesn't end by itself.
async fn within_grace(
    attempt: impl Future<Output = Result<String, JobError>>,
    hold: Arc<Hold>,
    grace: Duration,
) -> Result<String, JobError> {
    let overdue = async {
        hold.interrupted().await;
        // An attempt that lost its lock ends as it likes: nothing it says counts.
        if hold.cancelled_for().is_none() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        result = attempt => result,
        () = overdue => Err(JobError::transient(format!("the attempt was ended after {grace:?}"))),
    }
}

/// How the attempt at a cancelled job counts: one that succeeded all the same has; any other fails
/// the job for good, whatever it says itself.
fn cancelled(reason: &str, result: Option<Result<String, JobError>>) -> Result<String, JobError> {
    let mut failure = Failure::from(reason);
    match result {
        Some(Ok(value)) => return Ok(value),
        Some(Err(
            JobError::Transient(own) | JobError::Permanent(own) | JobError::RetryAfter(own, _),
        )) => {
            failure.trace = format!("{}\n    caused by: {}", failure.trace, own.reason);
            failure.telemetry = own.telemetry;
        }
        Some(Err(JobError::NotYet(_) | JobError::WaitForChildren | JobError::RateLimited(_)))
        | None => {}
    }
    Err(JobError::Permanent(failure))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "the processor panicked: {}",
        text.unwrap_or("without a text")
    )
}
