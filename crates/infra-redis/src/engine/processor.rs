//! The contract between a worker and the code that performs its jobs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::job::Claimed;

/// Performs one kind of job.
///
/// The future may be dropped at any await: when the worker stops and the job can't end in time, or
/// when its lock is lost. The job is performed again then, so effects must bear repetition.
pub trait Processor: Send + Sync + 'static {
    /// What a job works on.
    type Data: DeserializeOwned + Send;

    /// What a job returns; stored as JSON.
    type Output: Serialize + Send;

    /// Performs a job. A panic counts as [`JobError::Transient`].
    fn process(
        &self,
        job: Claimed<Self::Data>,
        context: &JobContext,
    ) -> impl Future<Output = Result<Self::Output, JobError>> + Send;
}

/// What a processor can know and do about the job at hand.
#[derive(Debug, Clone)]
pub struct JobContext {
    cancellation: CancellationToken,
}

impl JobContext {
    pub(crate) fn new(cancellation: CancellationToken) -> Self {
        Self { cancellation }
    }

    /// Returns once the job must not go on: the worker can no longer prove that it holds the job,
    /// or it stops.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether the job must not go on.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}

/// Why an attempt failed, which decides what becomes of the job.
#[derive(Debug)]
pub enum JobError {
    /// Another attempt may help, after the job's own backoff.
    Transient(Failure),
    /// Another attempt can't help: the job fails for good.
    Permanent(Failure),
    /// The job can't be performed yet. It comes back later, and this attempt does not count.
    NotYet(Duration),
}

/// What is kept of a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, in a sentence.
    pub reason: String,
    /// The reason and what is behind it, a line each.
    pub trace: String,
}

impl JobError {
    /// Another attempt may help.
    pub fn transient(error: impl Into<Failure>) -> Self {
        Self::Transient(error.into())
    }

    /// Another attempt can't help.
    pub fn permanent(error: impl Into<Failure>) -> Self {
        Self::Permanent(error.into())
    }
}

impl From<&(dyn std::error::Error + 'static)> for Failure {
    fn from(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |error| error.source());
        let reason = error.to_string();
        // `Error: ` in front and four spaces are how every JavaScript tool expects a trace.
        let mut trace = format!("Error: {reason}");
        for cause in causes {
            trace.push_str("\n    caused by: ");
            trace.push_str(&cause.to_string());
        }
        Self { reason, trace }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        let trace = format!("Error: {reason}");
        Self { reason, trace }
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(failure) | Self::Permanent(failure) => f.write_str(&failure.reason),
            Self::NotYet(wait) => write!(f, "not yet; again in {wait:?}"),
        }
    }
}
