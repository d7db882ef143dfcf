//! The loop that claims jobs and drives a [`Processor`].

mod attempt;
mod calls;
mod leases;
mod run;
mod settlement;
mod slots;
mod stalled;
mod waker;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::BackoffStrategy;
use super::connection::{BlockingConnection, Connection, ConnectionSettings};
use super::error::EngineError;
use super::keys::{QueueId, QueueKeys};
use super::options::Keep;
use super::processor::Processor;
use super::registration;
use super::slot;
use leases::LeaseKeeper;
use run::Runner;
use waker::Waker;

/// At most so many job starts in a window, over all workers of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many jobs may start.
    pub max: u32,
    /// How long the window is, from its first job; whole milliseconds.
    pub window: Duration,
}

/// How many jobs a worker claims before it has a free slot for them.
///
/// Far from Valkey a slot stands empty for a round trip between two jobs, unless its next job is
/// there already. Jobs that are held are locked, their locks are renewed, and they count as active;
/// a worker that stops gives them back to the front of the queue at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookAhead {
    /// None: each job finds a free slot.
    #[default]
    None,
    /// This many.
    Jobs(usize),
    /// As many as keep the slots busy, from the measured round trip and the time that jobs take;
    /// none where the round trip is short against that time.
    Automatic {
        /// The most jobs to hold.
        at_most: usize,
    },
}

/// How a worker works. The defaults are BullMQ's, except that an idle worker looks less often for
/// jobs that nobody announced.
#[derive(Clone)]
pub struct WorkerSettings {
    /// A name that other clients show beside the jobs it worked.
    pub name: Option<String>,
    /// How many jobs it works at once; at least 1.
    pub concurrency: usize,
    /// How many jobs it claims beyond those it can work at once.
    pub look_ahead: LookAhead,
    /// How many jobs may start in a window.
    pub rate_limit: Option<RateLimit>,
    /// How long a job stays locked without renewal. Renewed at half-time.
    pub lock_duration: Duration,
    /// How often jobs are looked for whose worker is gone.
    pub stalled_interval: Duration,
    /// How often a job may lose its worker before it fails.
    pub max_stalls: u32,
    /// The longest sleep before looking for jobs that nobody announced.
    pub idle_poll: Duration,
    /// Which completed jobs are kept, where the job's own options don't say.
    pub keep_completed: Keep,
    /// Which failed jobs are kept, where the job's own options don't say.
    pub keep_failed: Keep,
    /// How many minutes of counts of finished jobs are kept, for other clients' charts; none are
    /// counted if absent.
    pub metrics_points: Option<u32>,
    /// Decides how long jobs wait whose backoff is neither fixed nor exponential; such a job fails
    /// for good if absent.
    pub backoff: Option<Arc<dyn BackoffStrategy>>,
    /// Told about every attempt.
    pub observer: Option<Arc<dyn WorkerObserver>>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            name: None,
            concurrency: 1,
            look_ahead: LookAhead::None,
            rate_limit: None,
            lock_duration: Duration::from_secs(30),
            stalled_interval: Duration::from_secs(30),
            max_stalls: 1,
            idle_poll: Duration::from_secs(10),
            keep_completed: Keep::All,
            keep_failed: Keep::All,
            metrics_points: None,
            backoff: None,
            observer: None,
        }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobOutcome {
    /// The job is done.
    Completed,
    /// It will be tried again, or was put off.
    Retried,
    /// It failed for good.
    Failed,
    /// It was handed back, because the worker stops.
    HandedBack,
    /// The worker lost its lock; another one has the job.
    Lost,
}

/// Told about what a worker does, for metrics.
pub trait WorkerObserver: Send + Sync {
    /// An attempt ended after `duration`.
    fn attempt_ended(&self, outcome: JobOutcome, duration: Duration);

    /// The worker has looked at its queue, or tried to: its loop is alive.
    fn beat(&self) {}
}

/// What a worker left behind when it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopReport {
    /// Jobs that ended within the grace period.
    pub finished: usize,
    /// Jobs that went back to the front of the queue, with their attempt uncounted.
    pub handed_back: usize,
    /// Jobs that could not be ended or handed back; others take them over once their lock runs out.
    pub abandoned: usize,
}

/// Claims jobs of a queue and performs them. See [`WorkerHandle`] for how it is stopped.
pub struct Worker;

impl Worker {
    /// Connects and starts to work.
    pub async fn start<P: Processor>(
        connection: &ConnectionSettings,
        queue: QueueId,
        processor: P,
        settings: WorkerSettings,
    ) -> Result<WorkerHandle, EngineError> {
        let worker = Self::connect(connection, queue, processor, settings).await?;
        Ok(worker.start())
    }

    /// Connects, and claims nothing yet.
    pub async fn connect<P: Processor>(
        connection: &ConnectionSettings,
        queue: QueueId,
        processor: P,
        settings: WorkerSettings,
    ) -> Result<ConnectedWorker<P>, EngineError> {
        let open_error = |error| EngineError::Start(Box::new(error));
        let commands = Connection::open(connection).await.map_err(open_error)?;
        slot::check(&commands, [&queue])?;
        let name = registration::worker_name(&queue, settings.name.as_deref());
        let blocking = BlockingConnection::open(connection, name)
            .await
            .map_err(open_error)?;
        let keys = QueueKeys::new(&queue);
        let leases =
            LeaseKeeper::start(connection.clone(), keys.clone(), settings.lock_duration).await?;
        Ok(ConnectedWorker {
            queue,
            keys,
            commands,
            blocking,
            leases,
            processor,
            settings,
        })
    }
}

/// A worker that has all it needs and does not work yet.
#[must_use = "it works once it is started"]
pub struct ConnectedWorker<P> {
    queue: QueueId,
    keys: QueueKeys,
    commands: Connection,
    blocking: BlockingConnection,
    leases: LeaseKeeper,
    processor: P,
    settings: WorkerSettings,
}

impl<P: Processor> ConnectedWorker<P> {
    /// Starts to work.
    pub fn start(self) -> WorkerHandle {
        let Self {
            queue,
            keys,
            commands,
            blocking,
            leases,
            processor,
            settings,
        } = self;
        let stop = CancellationToken::new();
        let now = CancellationToken::new();
        let tasks = TaskTracker::new();
        let waker = Waker::spawn(&tasks, blocking, &keys, settings.idle_poll);
        tasks.spawn(stalled::recover_regularly(
            commands.clone(),
            keys.clone(),
            settings.stalled_interval,
            settings.max_stalls,
            stop.clone(),
        ));
        let runner = Runner::new(commands, keys, processor, settings, &leases);
        let main = tasks.spawn(runner.run(waker, leases, stop.clone(), now.clone()));
        tasks.close();
        WorkerHandle {
            queue,
            stop,
            now,
            main,
            tasks,
        }
    }
}

/// A running worker. Dropping the handle does not stop it.
#[must_use = "a worker can only be stopped through its handle"]
pub struct WorkerHandle {
    queue: QueueId,
    stop: CancellationToken,
    now: CancellationToken,
    main: JoinHandle<StopReport>,
    tasks: TaskTracker,
}

impl WorkerHandle {
    /// The queue it works.
    pub fn queue(&self) -> &QueueId {
        &self.queue
    }

    /// Makes it claim no more jobs; those at work go on.
    pub fn stop_claiming(&self) {
        self.stop.cancel();
    }

    /// Stops: claims no more jobs, gives those at work up to `grace`, and hands the rest back.
    pub async fn stop(mut self, grace: Duration) -> StopReport {
        self.stop.cancel();
        let report = if let Ok(report) = tokio::time::timeout(grace, &mut self.main).await {
            report
        } else {
            self.now.cancel();
            self.main.await
        };
        self.tasks.wait().await;
        // Only a panic in the loop itself ends it without a report.
        report.unwrap_or_default()
    }
}
