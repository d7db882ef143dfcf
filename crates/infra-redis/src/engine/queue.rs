//! Where a producer adds jobs.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::connection::Connection;
use super::error::EngineError;
use super::events::Finishes;
use super::group_commit::{GroupCommit, MAX_JOBS};
use super::job::Job;
use super::keys::{QueueId, QueueKeys};
use super::options::{JobOptions, NewJob};
use super::producer::{self, EncodedJob, Placement};
use super::reply::Decoder;
use super::scripts;

/// How many steps of [`Queue::add_bulk`] are under way at once, so that the server has the next when it
/// is done with one.
const CHUNKS_IN_FLIGHT: usize = 2;

/// A queue of jobs that work on `T`. Cheap to clone.
///
/// ```no_run
/// use infra_redis::engine::{Connection, EngineError, JobOptions, Queue, QueueId};
///
/// #[derive(serde::Serialize)]
/// struct Letter<'a> {
///     to: &'a str,
/// }
///
/// # async fn example(connection: Connection) -> Result<(), EngineError> {
/// let queue = Queue::new(connection, QueueId::parse("bull", "letters")?);
/// let id = queue.add("send", &Letter { to: "Ada" }, &JobOptions::default()).await?;
/// let job = queue.job(&id).await?;
/// # Ok(()) }
/// ```
pub struct Queue<T> {
    pub(super) connection: Connection,
    pub(super) keys: QueueKeys,
    pub(super) finishes: Arc<Finishes>,
    adds: Arc<GroupCommit>,
    data: PhantomData<fn(T)>,
}

/// How many jobs of a queue are in each state.
///
/// ```
/// use infra_redis::engine::JobCounts;
///
/// /// How many jobs could start now.
/// fn ready(counts: JobCounts) -> u64 {
///     counts.waiting + counts.prioritized
/// }
///
/// let counts = JobCounts { waiting: 2, prioritized: 1, ..JobCounts::default() };
/// assert_eq!(ready(counts), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// Ready, without a priority.
    pub waiting: u64,
    /// Being performed.
    pub active: u64,
    /// Ready, with a priority.
    pub prioritized: u64,
    /// Not due yet.
    pub delayed: u64,
    /// Waiting for other jobs.
    pub waiting_children: u64,
    /// Done.
    pub completed: u64,
    /// Failed for good.
    pub failed: u64,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            keys: self.keys.clone(),
            finishes: Arc::clone(&self.finishes),
            adds: Arc::clone(&self.adds),
            data: PhantomData,
        }
    }
}

impl<T: Serialize> Queue<T> {
    /// Adds a job; its id, which is that of an existing job where the options say that one stands
    /// for this one.
    ///
    /// Adds that are made at the same time through this handle and its clones share a call; each gets
    /// its own id or error.
    ///
    /// If Valkey's answer is lost, the job may have been added or not; with an id of one's own in
    /// the options, adding it again is harmless.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if an option can't be used, such as a priority that is too high or data
    /// above `size_limit`, and [`EngineError::Data`] if the data has no JSON form; then nothing was
    /// sent. [`ScriptError::ParentMissing`](crate::engine::ScriptError::ParentMissing) or
    /// [`ScriptError::ParentCannotBeReplaced`](crate::engine::ScriptError::ParentCannotBeReplaced) if
    /// the job can't be a child of its parent. Besides, those of every call, see
    /// [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use infra_redis::engine::{EngineError, JobOptions, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let options = JobOptions {
    ///     delay: Duration::from_secs(60),
    ///     attempts: 3,
    ///     ..JobOptions::default()
    /// };
    /// let id = queue.add("double", &21, &options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn add(
        &self,
        name: &str,
        data: &T,
        options: &JobOptions,
    ) -> Result<String, EngineError> {
        let job = EncodedJob::new(&self.keys, name, data, options, Placement::default())?;
        self.adds.add(job).await
    }

    /// Adds jobs in order; their ids. Each hundred are added in one step, and the next hundred are
    /// sent meanwhile: if a hundred fail, the earlier ones stay, and so may the next.
    ///
    /// A job that can't be added because of its parent keeps no other of its hundred from being
    /// added; its error is returned.
    ///
    /// # Errors
    ///
    /// As with [`add`](Self::add). The options and data of all jobs are checked before any is
    /// added.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobOptions, NewJob, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let job = |data| NewJob { name: "double", data, options: JobOptions::default() };
    /// let ids = queue.add_bulk(&[job(1), job(2), job(3)]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn add_bulk(&self, jobs: &[NewJob<'_, T>]) -> Result<Vec<String>, EngineError> {
        // Everything is checked before anything is sent.
        let encode = |job: &NewJob<'_, T>| {
            let placement = Placement::default();
            EncodedJob::new(&self.keys, job.name, &job.data, &job.options, placement)
        };
        let jobs = jobs.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        // All go over one connection, in order. A server that does not know the script refuses those
        // under way, and they go again in the order of its answers.
        let chunks = jobs.chunks(MAX_JOBS);
        let adds: Vec<_> = chunks
            .map(|chunk| producer::add(&self.connection, chunk))
            .collect();
        let mut added = stream::iter(adds).buffered(CHUNKS_IN_FLIGHT);
        let mut ids = Vec::with_capacity(jobs.len());
        while let Some(results) = added.try_next().await? {
            ids.extend(results.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        Ok(ids)
    }
}

impl<T> Queue<T> {
    /// The queue with this identity. Nothing is sent: a queue comes into being with its first job.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, EngineError, Queue, QueueId};
    /// # async fn example(connection: Connection) -> Result<(), EngineError> {
    /// let queue = Queue::<u32>::new(connection, QueueId::parse("bull", "numbers")?);
    /// # Ok(()) }
    /// ```
    pub fn new(connection: Connection, id: QueueId) -> Self {
        Self {
            keys: id.into(),
            adds: Arc::new(GroupCommit::new(connection.clone())),
            connection,
            finishes: Arc::default(),
            data: PhantomData,
        }
    }

    /// The queue's identity.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// tracing::info!("the queue is {}", queue.id().name());
    /// # Ok(()) }
    /// ```
    pub fn id(&self) -> &QueueId {
        self.keys.queue()
    }

    /// Lets no job start until [`resume`](Self::resume); active ones go on.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.pause().await?;
    /// # Ok(()) }
    /// ```
    pub async fn pause(&self) -> Result<(), EngineError> {
        let script = &scripts::PAUSE;
        script
            .call(&self.connection, &self.keys, [])
            .await
            .map(drop)
    }

    /// Lets jobs start again, those first that a 5.x client put aside.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.resume().await?;
    /// # Ok(()) }
    /// ```
    pub async fn resume(&self) -> Result<(), EngineError> {
        let decoder = Decoder("resume");
        loop {
            let reply = scripts::RESUME.call(&self.connection, &self.keys, []);
            if decoder.int(&reply.await?)? == 0 {
                return Ok(());
            }
        }
    }

    /// How many jobs are in each state, at one moment.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let counts = queue.counts().await?;
    /// tracing::info!("{} wait, {} failed", counts.waiting, counts.failed);
    /// # Ok(()) }
    /// ```
    pub async fn counts(&self) -> Result<JobCounts, EngineError> {
        let decoder = Decoder("counts");
        let reply = scripts::COUNTS
            .call(&self.connection, &self.keys, [])
            .await?;
        let counts = decoder.array::<7>(reply)?;
        let count = |index: usize| decoder.count(&counts[index]);
        Ok(JobCounts {
            waiting: count(0)?,
            active: count(1)?,
            prioritized: count(2)?,
            delayed: count(3)?,
            waiting_children: count(4)?,
            completed: count(5)?,
            failed: count(6)?,
        })
    }

    /// The job with this id; absent if there is none.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if let Some(job) = queue.job("17").await? {
    ///     tracing::info!("{} has been tried {} times", job.name, job.attempts_made);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn job(&self, id: &str) -> Result<Option<Job>, EngineError> {
        let fields = self.connection.command("HGETALL", vec![self.keys.job(id)]);
        Job::from_fields(id, fields.await?)
    }
}
