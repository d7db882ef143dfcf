//! The contract between a worker and the code that performs its jobs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::Connection;
use super::error::EngineError;
use super::job::{Claimed, Fetched};
use super::keys::{QueueId, QueueKeys};
use super::options::{NewJob, ParentJob};
use super::queue::Queue;
use super::record;
use super::worker::{Hold, Interruption};

/// Performs one kind of job.
///
/// The future may be dropped at any await: when the worker stops and the job can't end in time, or
/// when its lock is lost. The job is performed again then, so effects must bear repetition.
///
/// ```
/// use infra_redis::engine::{Claimed, JobContext, JobError, Processor};
///
/// struct Double;
///
/// impl Processor for Double {
///     type Data = u32;
///     type Output = u32;
///
///     async fn process(&self, job: Claimed<u32>, _: &JobContext) -> Result<u32, JobError> {
///         job.data.checked_mul(2).ok_or_else(|| JobError::permanent("the number is too large"))
///     }
/// }
/// ```
pub trait Processor: Send + Sync + 'static {
    /// What a job works on.
    type Data: DeserializeOwned + Send;

    /// What a job returns; stored as JSON.
    type Output: Serialize + Send;

    /// Performs a job. A panic counts as [`JobError::Transient`].
    ///
    /// # Errors
    ///
    /// A [`JobError`], which decides what becomes of the job.
    ///
    /// ```
    /// # use infra_redis::engine::{Claimed, JobContext, JobError, Processor};
    /// # struct Fetch;
    /// # async fn fetch(url: &str) -> Result<usize, std::io::Error> { Ok(url.len()) }
    /// # impl Processor for Fetch {
    /// #     type Data = String;
    /// #     type Output = usize;
    /// async fn process(&self, job: Claimed<String>, _: &JobContext) -> Result<usize, JobError> {
    ///     fetch(&job.data).await.map_err(|error| JobError::transient(error.to_string()))
    /// }
    /// # }
    /// ```
    fn process(
        &self,
        job: Claimed<Self::Data>,
        context: &JobContext,
    ) -> impl Future<Output = Result<Self::Output, JobError>> + Send;
}

/// What a processor can know and do about the job at hand.
///
/// ```no_run
/// # use infra_redis::engine::{EngineError, JobContext, JobError};
/// # async fn example(context: &JobContext) -> Result<(), EngineError> {
/// async fn print(context: &JobContext, pages: u32) -> Result<(), JobError> {
///     for page in 1..=pages {
///         // ... print it ...
///         let noted = context.update_progress(&(page * 100 / pages)).await;
///         noted.map_err(|error| JobError::transient(error.to_string()))?;
///     }
///     Ok(())
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct JobContext {
    connection: Connection,
    keys: QueueKeys,
    job: Arc<Fetched>,
    hold: Arc<Hold>,
}

impl JobContext {
    pub(crate) fn new(
        connection: Connection,
        keys: QueueKeys,
        job: Arc<Fetched>,
        hold: Arc<Hold>,
    ) -> Self {
        Self {
            connection,
            keys,
            job,
            hold,
        }
    }

    /// Where the job was taken from.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The keys of the queue that it was taken from.
    pub(crate) fn keys(&self) -> &QueueKeys {
        &self.keys
    }

    /// Returns once the job must not go on: the worker can no longer prove that it holds the job,
    /// it stops, or the job was cancelled. See [`interruption`](Self::interruption).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{JobContext, JobError};
    /// # async fn example(context: &JobContext, work: impl Future<Output = u32>) -> Result<u32, JobError> {
    /// tokio::select! {
    ///     () = context.cancelled() => Err(JobError::transient("the job was taken from this worker")),
    ///     result = work => Ok(result),
    /// }
    /// # }
    /// ```
    pub async fn cancelled(&self) {
        self.hold.interrupted().await;
    }

    /// Whether the job must not go on.
    ///
    /// ```no_run
    /// # use infra_redis::engine::JobContext;
    /// # fn example(context: &JobContext, pages: Vec<u32>) {
    /// for page in pages {
    ///     if context.is_cancelled() {
    ///         break;
    ///     }
    ///     // ... print it ...
    /// }
    /// # }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.hold.is_interrupted()
    }

    /// Why the job must not go on; absent if it may.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Interruption, JobContext, JobError};
    /// # async fn example(context: &JobContext) -> Result<(), JobError> {
    /// if let Some(Interruption::Cancelled { reason }) = context.interruption() {
    ///     // ... tell whoever waits for the pages ...
    ///     return Err(JobError::permanent(reason));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn interruption(&self) -> Option<Interruption> {
        self.hold.interruption().cloned()
    }

    /// Whether the worker can prove at this moment that it holds the job, and the job may go on: to
    /// be asked directly before an effect that can't be taken back, such as a commit.
    ///
    /// It does not ask Valkey. It says no once the lock may have run out by the worker's own clock,
    /// even if nobody could tell it so, and once the job was interrupted.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{JobContext, JobError};
    /// # trait Transaction { fn commit(self); }
    /// # fn example(context: &JobContext, transaction: impl Transaction) -> Result<(), JobError> {
    /// if !context.holds_lock() {
    ///     // Dropping the transaction rolls it back.
    ///     return Err(JobError::transient("another worker may have the job"));
    /// }
    /// transaction.commit();
    /// # Ok(()) }
    /// ```
    pub fn holds_lock(&self) -> bool {
        self.hold.stands()
    }

    /// How often the job may be tried in all.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Claimed, JobContext};
    /// /// Whether nobody will try again.
    /// fn is_last<T>(job: &Claimed<T>, context: &JobContext) -> bool {
    ///     job.attempt >= context.attempts()
    /// }
    /// ```
    pub fn attempts(&self) -> u32 {
        let options = self.job.options.as_ref();
        options.map_or(1, |options| options.attempts.max(1))
    }

    /// The traces of the attempts that failed before this one and are kept, oldest first.
    ///
    /// ```no_run
    /// # use infra_redis::engine::JobContext;
    /// # fn example(context: &JobContext) {
    /// if let Some(trace) = context.traces().last() {
    ///     tracing::info!("the attempt before this one failed: {trace}");
    /// }
    /// # }
    /// ```
    pub fn traces(&self) -> &[String] {
        &self.job.stack_traces
    }

    /// Tells how far the job is, in any form that its readers understand.
    ///
    /// # Errors
    ///
    /// As with [`Queue::update_progress`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// context.update_progress(&50).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update_progress<P: Serialize + ?Sized>(
        &self,
        progress: &P,
    ) -> Result<(), EngineError> {
        let progress = serde_json::to_string(progress).map_err(EngineError::Data)?;
        record::update_progress(&self.connection, &self.keys, &self.job.id, progress).await
    }

    /// Adds a line to the job's log, of which as many lines are kept as the job's options say; how
    /// many there are.
    ///
    /// # Errors
    ///
    /// As with [`Queue::add_log`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// context.log("asked the printer").await?;
    /// # Ok(()) }
    /// ```
    pub async fn log(&self, line: &str) -> Result<u64, EngineError> {
        let keep = self
            .job
            .options
            .as_ref()
            .ok()
            .and_then(|options| options.keep_logs);
        record::add_log(&self.connection, &self.keys, &self.job.id, line, keep).await
    }

    /// Gives the job other data, which its next attempt finds.
    ///
    /// # Errors
    ///
    /// As with [`Queue::update_data`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// context.update_data(&serde_json::json!({"printed": 3})).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), EngineError> {
        let data = serde_json::to_string(data).map_err(EngineError::Data)?;
        record::update_data(&self.connection, &self.keys, &self.job.id, data).await
    }

    /// What the job's children returned, as JSON by the children's keys.
    ///
    /// # Errors
    ///
    /// As with [`Queue::children_values`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// for json in context.children_values().await?.values() {
    ///     tracing::info!("a child returned {json}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn children_values(&self) -> Result<HashMap<String, String>, EngineError> {
        self.queue().children_values(&self.job.id).await
    }

    /// Why those of the job's children failed whose failure it was to ignore, by their keys.
    ///
    /// # Errors
    ///
    /// As with [`Queue::ignored_failures`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// let missing_pages = context.ignored_failures().await?.len();
    /// # Ok(()) }
    /// ```
    pub async fn ignored_failures(&self) -> Result<HashMap<String, String>, EngineError> {
        self.queue().ignored_failures(&self.job.id).await
    }

    /// Adds a child to the job, to be waited for with [`JobError::WaitForChildren`]; its id.
    ///
    /// # Errors
    ///
    /// As with [`Queue::add`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobContext, JobOptions, NewJob, QueueId};
    /// # async fn example(context: &JobContext) -> Result<(), EngineError> {
    /// let pages = QueueId::parse("bull", "pages")?;
    /// let page = NewJob { name: "print", data: 1, options: JobOptions::default() };
    /// let id = context.add_child(&pages, &page).await?;
    /// # Ok(()) }
    /// ```
    pub async fn add_child<T: Serialize>(
        &self,
        queue: &QueueId,
        child: &NewJob<'_, T>,
    ) -> Result<String, EngineError> {
        let mut options = child.options.clone();
        options.parent = Some(ParentJob {
            queue: self.keys.queue().clone(),
            id: self.job.id.clone(),
        });
        let queue = Queue::new(self.connection.clone(), queue.clone());
        queue.add(child.name, &child.data, &options).await
    }

    fn queue(&self) -> Queue<()> {
        Queue::new(self.connection.clone(), self.keys.queue().clone())
    }
}

/// Why an attempt failed, which decides what becomes of the job.
///
/// Waits are of whole milliseconds.
///
/// ```
/// use infra_redis::engine::JobError;
/// use std::time::Duration;
///
/// fn of_status(status: u16) -> JobError {
///     match status {
///         429 => JobError::RetryAfter("the service is busy".into(), Duration::from_secs(60)),
///         500.. => JobError::transient("the service has trouble"),
///         _ => JobError::permanent(format!("the service answered {status}")),
///     }
/// }
///
/// assert!(matches!(of_status(404), JobError::Permanent(_)));
/// ```
#[derive(Debug)]
pub enum JobError {
    /// Another attempt may help, after the job's own backoff.
    Transient(Failure),
    /// Another attempt can't help: the job fails for good.
    Permanent(Failure),
    /// Another attempt may help, after this wait instead of the job's own backoff.
    RetryAfter(Failure, Duration),
    /// The job can't be performed yet. It comes back later, and this attempt does not count.
    NotYet(Duration),
    /// The job waits until its children have ended, and is performed again then. This attempt does
    /// not count. One without children is performed again at once.
    WaitForChildren,
    /// No job of the queue may start for this long, and this attempt does not count. Has an effect
    /// only where the queue or its workers have a rate limit.
    RateLimited(Duration),
}

/// What is kept of a failed attempt.
///
/// ```
/// use infra_redis::engine::Failure;
///
/// let failure = Failure::from("no paper");
/// assert_eq!(failure.reason, "no paper");
/// assert_eq!(failure.trace, "Error: no paper");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, in a sentence.
    pub reason: String,
    /// The reason and what is behind it, a line each.
    pub trace: String,
    /// The trace context of the attempt, in any form that its reader understands; stored beside
    /// the reason, so that whoever looks at the job finds the attempt's trace.
    pub telemetry: Option<String>,
}

impl Failure {
    /// The same failure with the trace context of the attempt.
    ///
    /// ```
    /// # use infra_redis::engine::{Failure, JobError};
    /// let failure = Failure::from("the printer is out of paper").with_telemetry("00-4bf9-00f0-01");
    /// let error = JobError::Transient(failure);
    /// assert_eq!(error.to_string(), "the printer is out of paper");
    /// ```
    #[must_use]
    pub fn with_telemetry(self, telemetry: impl Into<String>) -> Self {
        Self {
            telemetry: Some(telemetry.into()),
            ..self
        }
    }
}

impl JobError {
    /// Another attempt may help.
    ///
    /// ```
    /// # use infra_redis::engine::JobError;
    /// let error = JobError::transient("the printer is busy");
    /// assert_eq!(error.to_string(), "the printer is busy");
    /// ```
    pub fn transient(error: impl Into<Failure>) -> Self {
        Self::Transient(error.into())
    }

    /// Another attempt can't help.
    ///
    /// ```
    /// # use infra_redis::engine::{Failure, JobError};
    /// let cause = "seven".parse::<u32>().unwrap_err();
    /// let error = JobError::permanent(&cause as &dyn std::error::Error);
    /// assert_eq!(error.to_string(), "invalid digit found in string");
    /// ```
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
        Self {
            reason,
            trace,
            telemetry: None,
        }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        let trace = format!("Error: {reason}");
        Self {
            reason,
            trace,
            telemetry: None,
        }
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
            Self::Transient(failure) | Self::Permanent(failure) | Self::RetryAfter(failure, _) => {
                f.write_str(&failure.reason)
            }
            Self::WaitForChildren => f.write_str("waits for its children"),
            Self::RateLimited(wait) => write!(f, "rate limited for {wait:?}"),
            Self::NotYet(wait) => write!(f, "not yet; again in {wait:?}"),
        }
    }
}
