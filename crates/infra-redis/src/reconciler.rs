//! Finds failed jobs that no worker has kept a letter of.

use std::collections::HashMap;
use std::time::Duration;

use application::dead_letters::{DeadLetters, FailedJob};
use application::queues::QueueName;
use domain::UnixMillis;
use domain::event::dead_letter::FailureClass;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::engine::{
    Connection, EngineError, Job, JobState, OptionError, Order, Queue, QueueId, is_cancelled,
};
use crate::history;

/// What BullMQ writes on a job that lost its worker too often.
const STALLED: &str = "job stalled more than allowable limit";

/// Looks through the failed jobs of a queue, which are few: a queue keeps some dozens.
pub struct Reconciler {
    name: QueueName,
    queue: Queue<()>,
    letters: DeadLetters,
    retention: Duration,
    /// When the jobs failed that the last look saw.
    seen: HashMap<String, Option<u64>>,
}

impl Reconciler {
    /// A reconciler of this queue's failed jobs with these letters.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the name of the queue can't be that of one in Valkey.
    pub fn new(
        connection: &Connection,
        prefix: &str,
        name: QueueName,
        letters: DeadLetters,
        retention: Duration,
    ) -> Result<Self, OptionError> {
        let id = QueueId::parse(prefix, name.as_str())?;
        Ok(Self {
            name,
            queue: Queue::new(connection.clone(), id),
            letters,
            retention,
            seen: HashMap::new(),
        })
    }

    /// Looks at the start and then once an interval, until `stop` is cancelled.
    pub async fn run(mut self, interval: Duration, stop: CancellationToken) {
        // An outage is told once, however long it lasts.
        let mut could_look = true;
        while !stop.is_cancelled() {
            // What a look has kept stays if it is cut short, and its last letter is there or is not.
            let Some(look) = stop.run_until_cancelled(self.look()).await else {
                return;
            };
            match &look {
                Ok(0) => {}
                Ok(kept) => info!(
                    queue.name = %self.name,
                    "Kept {kept} dead letters of jobs that no worker of `{}` had failed", self.name
                ),
                Err(error) if could_look => warn!(
                    queue.name = %self.name,
                    error, "Could not look for failed jobs of `{}`", self.name
                ),
                Err(_) => {}
            }
            could_look = look.is_ok();
            let wait = tokio::time::sleep(interval);
            let _ = stop.run_until_cancelled(wait).await;
        }
    }

    /// Keeps letters of what has failed since the last look; how many.
    ///
    /// # Errors
    ///
    /// Why the queue or storage could not be asked. What was kept by then stays, and the next look
    /// sees the rest.
    pub async fn look(&mut self) -> Result<u64, String> {
        let failed = self.failed().await.map_err(|error| error.to_string())?;
        let mut seen = HashMap::with_capacity(failed.len());
        let mut kept = 0;
        for job in failed {
            if self.seen.get(&job.id) != Some(&job.finished_on) {
                let failed = self.failed_job(&job);
                let reconciled = self.letters.reconcile(&failed, self.retention);
                kept += reconciled.await.map_err(|error| error.to_string())?;
            }
            seen.insert(job.id, job.finished_on);
        }
        self.seen = seen;
        Ok(kept)
    }

    async fn failed(&self) -> Result<Vec<Job>, EngineError> {
        let (states, all) = ([JobState::Failed], 0..u64::MAX);
        self.queue.jobs(&states, all, Order::OldestFirst).await
    }

    fn failed_job(&self, job: &Job) -> FailedJob {
        let reason = job.failed_reason.clone().unwrap_or_default();
        let failed_at = job.finished_on.and_then(|at| i64::try_from(at).ok());
        let failed_at = UnixMillis::new(failed_at.unwrap_or_default());
        failed_job(self.name, job, reason, failed_at)
    }
}

/// A job as it is, or will be, failed.
pub(crate) fn failed_job(
    queue: QueueName,
    job: &Job,
    reason: String,
    failed_at: UnixMillis,
) -> FailedJob {
    let traces = job.stack_traces.as_deref();
    let traces: Vec<String> = traces
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    FailedJob {
        queue,
        id: job.id.clone(),
        name: job.name.clone(),
        payload: job.data.clone(),
        class: class_of(&reason),
        reason,
        attempts: job.attempts_made,
        history: traces.iter().map(|trace| history::read(trace)).collect(),
        failed_at,
    }
}

fn class_of(reason: &str) -> FailureClass {
    if reason.starts_with(STALLED) {
        FailureClass::Stalled
    } else if is_cancelled(reason) {
        FailureClass::Cancelled
    } else {
        FailureClass::Other
    }
}
