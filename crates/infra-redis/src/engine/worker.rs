//! The loop that claims jobs and drives a [`Processor`].

mod attempt;
mod calls;
mod leases;
mod run;
mod settlement;
mod slots;
mod stalled;
mod trouble;
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
use run::{Runner, random_fraction};
use trouble::Trouble;
use waker::Waker;

/// The waits between attempts to start while Valkey is away.
const MIN_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(2);

/// At most so many job starts in a window, over all workers of the queue.
///
/// ```
/// use infra_redis::engine::{RateLimit, WorkerSettings};
/// use std::time::Duration;
///
/// let a_hundred_a_minute = RateLimit { max: 100, window: Duration::from_secs(60) };
/// let settings = WorkerSettings { rate_limit: Some(a_hundred_a_minute), ..WorkerSettings::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many jobs may start; at least 1.
    pub max: u32,
    /// How long the window is, from its first job; whole milliseconds, at least one.
    pub window: Duration,
}

/// How many jobs a worker claims before it has a free slot for them.
///
/// Far from Valkey a slot stands empty for a round trip between two jobs, unless its next job is
/// there already. Jobs that are held are locked, their locks are renewed, and they count as active;
/// a worker that stops gives them back to the front of the queue at once.
///
/// ```
/// use infra_redis::engine::{LookAhead, WorkerSettings};
///
/// let settings = WorkerSettings {
///     concurrency: 50,
///     look_ahead: LookAhead::Automatic { at_most: 500 },
///     ..WorkerSettings::default()
/// };
/// # assert_ne!(settings.look_ahead, LookAhead::None);
/// ```
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
///
/// ```
/// use infra_redis::engine::{Keep, WorkerSettings};
///
/// let settings = WorkerSettings {
///     name: Some("printer-1".to_owned()),
///     concurrency: 4,
///     keep_completed: Keep::Newest(1000),
///     ..WorkerSettings::default()
/// };
/// ```
#[derive(Clone)]
pub struct WorkerSettings {
    /// A name that other clients show beside the jobs it worked.
    pub name: Option<String>,
    /// How many jobs it works at once; 0 counts as 1.
    pub concurrency: usize,
    /// How many jobs it claims beyond those it can work at once.
    pub look_ahead: LookAhead,
    /// How many jobs may start in a window.
    pub rate_limit: Option<RateLimit>,
    /// How long a job stays locked without renewal: whole milliseconds, 30 seconds by default.
    /// Renewed at half-time, so it must be well above the time that Valkey takes to answer.
    pub lock_duration: Duration,
    /// How often jobs are looked for whose worker is gone: whole milliseconds, at least one, and 30
    /// seconds by default.
    pub stalled_interval: Duration,
    /// How often a job may lose its worker before it fails; 1 by default. With 0 it fails the first
    /// time.
    pub max_stalls: u32,
    /// The longest sleep before looking for jobs that nobody announced; 10 seconds by default.
    pub idle_poll: Duration,
    /// Which completed jobs are kept, where the job's own options don't say.
    pub keep_completed: Keep,
    /// Which failed jobs are kept, where the job's own options don't say.
    pub keep_failed: Keep,
    /// How many minutes of counts of finished jobs are kept, for other clients' charts, at least 1;
    /// none are counted if absent.
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
///
/// ```
/// use infra_redis::engine::JobOutcome;
///
/// /// The word for it in metrics.
/// fn label(outcome: JobOutcome) -> &'static str {
///     match outcome {
///         JobOutcome::Completed => "completed",
///         JobOutcome::Retried => "retried",
///         JobOutcome::Failed => "failed",
///         JobOutcome::HandedBack | JobOutcome::Lost => "not ended here",
///     }
/// }
///
/// assert_eq!(label(JobOutcome::Lost), "not ended here");
/// ```
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
///
/// ```
/// use infra_redis::engine::{JobOutcome, WorkerObserver, WorkerSettings};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl WorkerObserver for Failures {
///     fn attempt_ended(&self, outcome: JobOutcome, _duration: Duration) {
///         if outcome == JobOutcome::Failed {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let failures = Arc::new(Failures::default());
/// let settings = WorkerSettings { observer: Some(failures.clone()), ..WorkerSettings::default() };
/// failures.attempt_ended(JobOutcome::Failed, Duration::from_millis(3));
/// assert_eq!(failures.0.load(Ordering::Relaxed), 1);
/// ```
pub trait WorkerObserver: Send + Sync {
    /// An attempt ended after `duration`.
    ///
    /// ```
    /// # use infra_redis::engine::{JobOutcome, WorkerObserver};
    /// # use std::time::Duration;
    /// # struct Slow;
    /// # impl WorkerObserver for Slow {
    /// fn attempt_ended(&self, outcome: JobOutcome, duration: Duration) {
    ///     if duration > Duration::from_secs(10) {
    ///         tracing::warn!(?outcome, ?duration, "a slow job");
    ///     }
    /// }
    /// # }
    /// ```
    fn attempt_ended(&self, outcome: JobOutcome, duration: Duration);

    /// The worker has looked at its queue, or tried to: its loop is alive.
    ///
    /// ```
    /// # use infra_redis::engine::{JobOutcome, WorkerObserver};
    /// # use std::time::{Duration, Instant};
    /// # struct Pulse(std::sync::Mutex<Instant>);
    /// # impl WorkerObserver for Pulse {
    /// #     fn attempt_ended(&self, _: JobOutcome, _: Duration) {}
    /// fn beat(&self) {
    ///     if let Ok(mut last) = self.0.lock() {
    ///         *last = Instant::now();
    ///     }
    /// }
    /// # }
    /// ```
    fn beat(&self) {}

    /// What came of the latest call to the queue.
    ///
    /// ```
    /// # use infra_redis::engine::{EngineError, JobOutcome, WorkerObserver};
    /// # use std::time::Duration;
    /// # struct Log;
    /// # impl WorkerObserver for Log {
    /// #     fn attempt_ended(&self, _: JobOutcome, _: Duration) {}
    /// fn called(&self, outcome: Result<(), &EngineError>) {
    ///     if let Err(error) = outcome {
    ///         tracing::debug!("{error}");
    ///     }
    /// }
    /// # }
    /// ```
    fn called(&self, _outcome: Result<(), &EngineError>) {}
}

/// What a worker left behind when it stopped.
///
/// ```
/// use infra_redis::engine::StopReport;
///
/// let report = StopReport { finished: 3, handed_back: 1, abandoned: 0 };
/// assert_eq!(report.abandoned, 0, "nobody has to wait for a lock to run out");
/// ```
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
///
/// ```no_run
/// use infra_redis::engine::{ConnectionSettings, Processor, QueueId, Worker, WorkerSettings};
/// use std::time::Duration;
///
/// # async fn example(double: impl Processor) -> Result<(), Box<dyn std::error::Error>> {
/// let connection = ConnectionSettings::parse("redis://127.0.0.1:6379")?;
/// let queue = QueueId::parse("bull", "numbers")?;
/// let worker = Worker::start(&connection, queue, double, WorkerSettings::default()).await?;
/// // ... until the process should end ...
/// worker.stop(Duration::from_secs(20)).await;
/// # Ok(()) }
/// ```
pub struct Worker;

impl Worker {
    /// Connects and starts to work.
    ///
    /// # Errors
    ///
    /// [`EngineError::Start`] if a connection can't be made, and [`EngineError::Option`] if the
    /// server is a cluster and the queue's prefix has no hash tag. Besides, those of every call,
    /// see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectionSettings, EngineError, Processor, QueueId, Worker, WorkerSettings};
    /// # async fn example(connection: ConnectionSettings, double: impl Processor) -> Result<(), EngineError> {
    /// let settings = WorkerSettings { concurrency: 10, ..WorkerSettings::default() };
    /// let queue = QueueId::parse("bull", "numbers")?;
    /// let worker = Worker::start(&connection, queue, double, settings).await?;
    /// # Ok(()) }
    /// ```
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
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectionSettings, EngineError, Processor, QueueId, Worker, WorkerSettings};
    /// # async fn example(connection: ConnectionSettings, double: impl Processor) -> Result<(), EngineError> {
    /// let queue = QueueId::parse("bull", "numbers")?;
    /// let worker = Worker::connect(&connection, queue, double, WorkerSettings::default()).await?;
    /// // ... until everything else is ready ...
    /// let worker = worker.start();
    /// # let _ = worker;
    /// # Ok(()) }
    /// ```
    pub async fn connect<P: Processor>(
        connection: &ConnectionSettings,
        queue: QueueId,
        processor: P,
        settings: WorkerSettings,
    ) -> Result<ConnectedWorker<P>, EngineError> {
        let links = Links::open(connection, &queue, &settings).await?;
        Ok(ConnectedWorker {
            links,
            queue,
            processor,
            settings,
        })
    }

    /// The same with a server that may be away: waits for it, for as long as it takes. Fails where
    /// waiting would not help, such as for a wrong password. May be given up by dropping it.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start), except that no server answers.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectionSettings, EngineError, Processor, QueueId, Worker, WorkerSettings};
    /// # async fn example(connection: ConnectionSettings, double: impl Processor) -> Result<(), EngineError> {
    /// let queue = QueueId::parse("bull", "numbers")?;
    /// let settings = WorkerSettings::default();
    /// let worker = Worker::start_when_possible(&connection, queue, double, settings).await?;
    /// # let _ = worker;
    /// # Ok(()) }
    /// ```
    pub async fn start_when_possible<P: Processor>(
        connection: &ConnectionSettings,
        queue: QueueId,
        processor: P,
        settings: WorkerSettings,
    ) -> Result<WorkerHandle, EngineError> {
        let mut trouble = Trouble::of(&queue);
        let mut wait = MIN_WAIT;
        let links = loop {
            match Links::open(connection, &queue, &settings).await {
                Ok(links) => break links,
                Err(error) if error.may_pass() => trouble.note(&error),
                Err(error) => return Err(error),
            }
            // Half of it at random: workers that a server's end has stopped together don't come
            // back together.
            tokio::time::sleep(wait.mul_f64(0.5 + 0.5 * random_fraction())).await;
            wait = (wait * 2).min(MAX_WAIT);
        };
        trouble.end();
        let worker = ConnectedWorker {
            links,
            queue,
            processor,
            settings,
        };
        Ok(worker.start())
    }
}

/// A worker that has all it needs and does not work yet; see [`Worker::connect`].
///
/// ```no_run
/// # use infra_redis::engine::{ConnectedWorker, Processor, WorkerHandle};
/// fn start_all<P: Processor>(workers: Vec<ConnectedWorker<P>>) -> Vec<WorkerHandle> {
///     workers.into_iter().map(ConnectedWorker::start).collect()
/// }
/// ```
#[must_use = "it works once it is started"]
pub struct ConnectedWorker<P> {
    links: Links,
    queue: QueueId,
    processor: P,
    settings: WorkerSettings,
}

impl<P: Processor> ConnectedWorker<P> {
    /// Starts to work.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectedWorker, Processor};
    /// # async fn example(worker: ConnectedWorker<impl Processor>) {
    /// let worker = worker.start();
    /// worker.stop(std::time::Duration::from_secs(10)).await;
    /// # }
    /// ```
    pub fn start(self) -> WorkerHandle {
        let Self {
            links,
            queue,
            processor,
            settings,
        } = self;
        let Links {
            commands,
            blocking,
            leases,
        } = links;
        let keys = QueueKeys::new(&queue);
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

/// The connections of a worker.
struct Links {
    commands: Connection,
    blocking: BlockingConnection,
    leases: LeaseKeeper,
}

impl Links {
    async fn open(
        connection: &ConnectionSettings,
        queue: &QueueId,
        settings: &WorkerSettings,
    ) -> Result<Self, EngineError> {
        let commands = Connection::open(connection).await?;
        slot::check(&commands, [queue])?;
        let name = registration::worker_name(queue, settings.name.as_deref());
        let blocking = BlockingConnection::open(connection, name).await?;
        let keys = QueueKeys::new(queue);
        let leases = LeaseKeeper::start(connection.clone(), keys, settings.lock_duration).await?;
        Ok(Self {
            commands,
            blocking,
            leases,
        })
    }
}

/// A running worker. Dropping the handle does not stop it.
///
/// ```no_run
/// # use infra_redis::engine::WorkerHandle;
/// # use std::time::Duration;
/// # async fn example(worker: WorkerHandle) {
/// let report = worker.stop(Duration::from_secs(20)).await;
/// tracing::info!("{} jobs went back to the queue", report.handed_back);
/// # }
/// ```
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
    ///
    /// ```no_run
    /// # use infra_redis::engine::WorkerHandle;
    /// # fn example(worker: &WorkerHandle) {
    /// tracing::info!("working {}", worker.queue().name());
    /// # }
    /// ```
    pub fn queue(&self) -> &QueueId {
        &self.queue
    }

    /// Makes it claim no more jobs; those at work go on.
    ///
    /// ```no_run
    /// # use infra_redis::engine::WorkerHandle;
    /// # use std::time::Duration;
    /// # async fn example(workers: Vec<WorkerHandle>) {
    /// // All of them at once, so that none claims what the others will not finish.
    /// workers.iter().for_each(WorkerHandle::stop_claiming);
    /// for worker in workers {
    ///     worker.stop(Duration::from_secs(20)).await;
    /// }
    /// # }
    /// ```
    pub fn stop_claiming(&self) {
        self.stop.cancel();
    }

    /// Stops: claims no more jobs, gives those at work up to `grace`, and hands the rest back.
    ///
    /// ```no_run
    /// # use infra_redis::engine::WorkerHandle;
    /// # use std::time::Duration;
    /// # async fn example(worker: WorkerHandle) {
    /// let report = worker.stop(Duration::from_secs(20)).await;
    /// if report.abandoned > 0 {
    ///     tracing::warn!("{} jobs wait for their locks to run out", report.abandoned);
    /// }
    /// # }
    /// ```
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
