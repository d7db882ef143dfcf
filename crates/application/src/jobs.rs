//! What an operator can do to a single job of a queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::StoreError;
use domain::store::BoxError;

use crate::dead_letters::{DeadLetters, FailedJob};
use crate::queues::QueueName;

/// The most characters of a reason.
const MAX_REASON: usize = 1000;

/// A job that fails now has not failed longer ago than this.
const RECENT: Duration = Duration::from_hours(1);

/// What has happened so far to a job that is to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// No worker has it. This is how it looks once it is cancelled.
    Waiting(Box<FailedJob>),
    /// A worker has it.
    Active,
    /// It has completed or failed.
    Finished,
}

/// What came of the wish to cancel a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It has failed for good.
    AtOnce,
    /// Its worker is asked to end it, and it fails for good unless it completes first.
    Asked,
}

/// Why a job was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such job.
    #[error("there is no job {id} in {queue}")]
    Unknown {
        /// Where it was looked for.
        queue: QueueName,
        /// The id.
        id: String,
    },
    /// It was too late.
    #[error("job {0} has completed or failed already")]
    Finished(String),
    /// The reason is too long.
    #[error("must not be longer than {MAX_REASON} characters")]
    Reason,
    /// The queue is against it.
    #[error("{0}")]
    Refused(String),
    /// The queues can't be reached.
    #[error("the queues do not answer")]
    Unavailable(#[source] BoxError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The jobs of the queues.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Where a job is. MUST be [`CancelError::Unknown`] if it is nowhere.
    async fn place(
        &self,
        queue: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Place, CancelError>;

    /// Cancels a job. MUST be [`CancelError::Finished`] if it has finished meanwhile.
    async fn cancel(
        &self,
        queue: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Cancelled, CancelError>;
}

/// Cancels jobs.
#[derive(Clone)]
pub struct CancelJob {
    jobs: Arc<dyn Jobs>,
    letters: DeadLetters,
}

impl CancelJob {
    /// Cancels these jobs, and keeps dead letters of them.
    pub fn new(jobs: Arc<dyn Jobs>, letters: DeadLetters) -> Self {
        Self { jobs, letters }
    }

    /// Lets a job fail for good that has not finished.
    ///
    /// The dead letter of a job that waits is kept first: the queue keeps some dozens of failed
    /// jobs, and this may be one of thousands. Should the job run all the same, because it was taken
    /// at this moment or the queue can't be reached any more, its handlers resolve the letter. The
    /// worker of an active job keeps its letter.
    pub async fn cancel(
        &self,
        queue: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Cancelled, CancelError> {
        if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            return Err(CancelError::Reason);
        }
        match self.jobs.place(queue, id, reason).await? {
            Place::Finished => return Err(CancelError::Finished(id.to_owned())),
            Place::Waiting(job) => {
                self.letters.reconcile(&job, RECENT).await?;
            }
            Place::Active => {}
        }
        self.jobs.cancel(queue, id, reason).await
    }
}
