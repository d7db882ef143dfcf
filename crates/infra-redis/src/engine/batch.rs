//! Jobs of any number of queues that are added together.

use serde::Serialize;

use super::connection::Connection;
use super::error::{EngineError, ScriptError};
use super::keys::{QueueId, QueueKeys};
use super::options::NewJob;
use super::producer::{self, EncodedJob, Placement};

/// Jobs for one or more queues, which one step adds. In a cluster all queues must share a slot.
///
/// ```no_run
/// use infra_redis::engine::{Connection, EngineError, JobBatch, JobOptions, NewJob, QueueId};
///
/// # async fn example(connection: Connection) -> Result<(), EngineError> {
/// let job = |name| NewJob { name, data: "Ada", options: JobOptions::default() };
/// let mut batch = JobBatch::default();
/// batch.push(&QueueId::parse("bull", "letters")?, &job("send"))?;
/// batch.push(&QueueId::parse("bull", "statistics")?, &job("count"))?;
/// for id in batch.send(&connection).await? {
///     tracing::info!("added {}", id?);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct JobBatch {
    jobs: Vec<EncodedJob>,
}

impl JobBatch {
    /// Puts a job at the end of the batch, after a check; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if an option can't be used, and [`EngineError::Data`] if the data has
    /// no JSON form; then the batch is as it was.
    ///
    /// ```
    /// # use infra_redis::engine::{EngineError, JobBatch, JobOptions, NewJob, QueueId};
    /// # fn main() -> Result<(), EngineError> {
    /// let mut batch = JobBatch::default();
    /// let job = NewJob { name: "double", data: 21, options: JobOptions::default() };
    /// batch.push(&QueueId::parse("bull", "numbers")?, &job)?;
    /// # Ok(()) }
    /// ```
    pub fn push<T: Serialize>(
        &mut self,
        queue: &QueueId,
        job: &NewJob<'_, T>,
    ) -> Result<(), EngineError> {
        let (keys, placement) = (QueueKeys::new(queue), Placement::default());
        let encoded = EncodedJob::new(&keys, job.name, &job.data, &job.options, placement)?;
        self.jobs.push(encoded);
        Ok(())
    }

    /// Puts the jobs of another batch behind these.
    ///
    /// ```
    /// # use infra_redis::engine::JobBatch;
    /// /// All jobs of some batches, so that one step adds them.
    /// fn together(batches: &[JobBatch]) -> JobBatch {
    ///     let mut all = JobBatch::default();
    ///     for batch in batches {
    ///         all.append(batch);
    ///     }
    ///     all
    /// }
    /// assert!(together(&[JobBatch::default()]).is_empty());
    /// ```
    pub fn append(&mut self, other: &Self) {
        self.jobs.extend_from_slice(&other.jobs);
    }

    /// How many jobs there are.
    ///
    /// ```
    /// # use infra_redis::engine::JobBatch;
    /// assert_eq!(JobBatch::default().len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use infra_redis::engine::JobBatch;
    /// assert!(JobBatch::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Adds all of them in one step; for each its id, or why it could not be added, which keeps no
    /// other from it. The step should stay short: some hundred jobs at most.
    ///
    /// If Valkey's answer is lost, the jobs may have been added or not; with ids of one's own in
    /// the options, sending the batch again is harmless.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if a cluster can't reach the queues in one step. Besides, those of every
    /// call, see [`EngineError`]. Within the list, those of [`Queue::add`](super::Queue::add) that
    /// concern one job.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, EngineError, JobBatch};
    /// # async fn example(batch: JobBatch, connection: Connection) -> Result<(), EngineError> {
    /// let refused = batch.send(&connection).await?.iter().filter(|result| result.is_err()).count();
    /// tracing::info!("{refused} of {} were refused", batch.len());
    /// # Ok(()) }
    /// ```
    pub async fn send(
        &self,
        connection: &Connection,
    ) -> Result<Vec<Result<String, ScriptError>>, EngineError> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        producer::add(connection, &self.jobs).await
    }
}
