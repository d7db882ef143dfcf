//! Where a producer adds jobs.

use std::marker::PhantomData;
use std::sync::Arc;

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

/// A queue of jobs that work on `T`. Cheap to clone.
pub struct Queue<T> {
    pub(super) connection: Connection,
    id: QueueId,
    pub(super) keys: QueueKeys,
    pub(super) finishes: Arc<Finishes>,
    adds: Arc<GroupCommit>,
    data: PhantomData<fn(T)>,
}

/// How many jobs of a queue are in each state.
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
            id: self.id.clone(),
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
    pub async fn add(
        &self,
        name: &str,
        data: &T,
        options: &JobOptions,
    ) -> Result<String, EngineError> {
        let job = NewJob {
            name,
            data,
            options: options.clone(),
        };
        let job = EncodedJob::new(&self.id, &job, Placement::default())?;
        self.adds.add(job).await
    }

    /// Adds jobs in order; their ids. Each hundred are added in one step; if a later hundred
    /// fails, the earlier ones stay.
    ///
    /// A job that can't be added because of its parent keeps no other of its hundred from being
    /// added; its error is returned.
    pub async fn add_bulk(&self, jobs: &[NewJob<'_, T>]) -> Result<Vec<String>, EngineError> {
        // Everything is checked before anything is sent.
        let encode = |job| EncodedJob::new(&self.id, job, Placement::default());
        let jobs = jobs.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        let mut ids = Vec::with_capacity(jobs.len());
        for chunk in jobs.chunks(MAX_JOBS) {
            let results = producer::add(&self.connection, chunk).await?;
            ids.extend(results.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        Ok(ids)
    }
}

impl<T> Queue<T> {
    /// The queue with this identity.
    pub fn new(connection: Connection, id: QueueId) -> Self {
        Self {
            keys: QueueKeys::new(&id),
            adds: Arc::new(GroupCommit::new(connection.clone())),
            connection,
            id,
            finishes: Arc::default(),
            data: PhantomData,
        }
    }

    /// The queue's identity.
    pub fn id(&self) -> &QueueId {
        &self.id
    }

    /// Lets no job start until [`resume`](Self::resume); active ones go on.
    pub async fn pause(&self) -> Result<(), EngineError> {
        let script = &scripts::PAUSE;
        script
            .call(&self.connection, &self.keys, [])
            .await
            .map(drop)
    }

    /// Lets jobs start again, those first that a 5.x client put aside.
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

    /// The job with this id.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, EngineError> {
        let fields = self.connection.command("HGETALL", vec![self.keys.job(id)]);
        Job::from_fields(id, fields.await?)
    }
}
