//! The loop that claims jobs and drives a [`Processor`].

mod ahead;
mod attempt;
mod calls;
mod hold;
mod leases;
mod look;
mod renewal;
mod round;
mod run;
mod settings;
mod settlement;
mod slots;
mod stalled;
mod trouble;
mod waker;

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{BlockingConnection, Connection, ConnectionSettings};
use super::error::EngineError;
use super::keys::{QueueId, QueueKeys};
use super::processor::Processor;
use super::registration;
use super::slot;
use renewal::LeaseKeeper;
use round::bring_script;
use run::{Runner, random_fraction};
use trouble::Trouble;
use waker::Waker;

pub(crate) use hold::Hold;
pub use hold::Interruption;
pub use settings::{JobOutcome, LookAhead, RateLimit, StopReport, WorkerObserver, WorkerSettings};

/// The waits between attempts to start while Valkey is away.
const MIN_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(2);

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
        let waker = Waker::new(blocking, keys.clone(), settings.clone());
        tasks.spawn(stalled::recover_regularly(
            commands.clone(),
            keys.clone(),
            settings.stalled_interval,
            settings.max_stalls,
            stop.clone(),
        ));
        let runner = Runner::new(commands, keys, processor, settings, waker, &leases);
        let main = tasks.spawn(runner.run(leases, stop.clone(), now.clone()));
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
        bring_script(&commands, &keys, settings).await;
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
