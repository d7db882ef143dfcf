//! The worker process. The three binaries differ in their name, their port and their queues.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use application::SharedStore;
use application::dead_letters::DeadLetters;
use application::events::dispatcher::Dispatcher;
use application::handlers_of;
use application::queues::{QueueName, QueueTable};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use domain::Clock;
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{
    self, Connection, ConnectionSettings, QueueId, RateLimit, Worker, WorkerHandle,
};
use infra_redis::reconciler::Reconciler;
use telemetry::logs::{self, LogSettings};
use telemetry::metrics::{JobMetrics, Metrics};
use telemetry::ops::{Checks, OpsServer, OpsSettings};
use telemetry::shutdown::Shutdown;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::observe::{self, EventCounts, QueueObserver};
use crate::settings::{
    Database, DatabaseSettings, LetterRetentionArgs, QueueSettingsArgs, ShutdownSettings,
    ValkeySettings, duration,
};
use crate::watchdog::Watchdog;
use crate::{SystemClock, exit};

/// What makes a worker process this one.
#[derive(Debug, Clone, Copy)]
pub struct WorkerProcess {
    /// The binary's name.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Where its operator's endpoints are, unless told otherwise.
    pub ops_port: u16,
    /// The queues it works.
    pub queues: &'static [QueueName],
}

/// The settings of a worker process.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct WorkerProcessSettings {
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    valkey: ValkeySettings,
    #[command(flatten)]
    queues: QueueSettingsArgs,
    #[command(flatten)]
    locks: LockSettings,
    #[command(flatten)]
    watchdog: WatchdogSettings,
    #[command(flatten)]
    letters: LetterRetentionArgs,
    #[command(flatten)]
    ops: OpsSettings,
    #[command(flatten)]
    shutdown: ShutdownSettings,
    #[command(flatten)]
    logs: LogSettings,
}

/// When a job counts as abandoned.
#[derive(Debug, Clone, Args)]
struct LockSettings {
    /// The name that dashboards show beside the jobs this process worked; the binary's if absent
    #[arg(long, env = "WORKER_NAME", value_name = "NAME")]
    worker_name: Option<String>,

    /// How long a job stays locked without renewal; renewed at half-time
    #[arg(long, env = "LOCK_DURATION", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    lock_duration: Duration,

    /// How often jobs are looked for whose worker is gone
    #[arg(long, env = "STALLED_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    stalled_interval: Duration,

    /// How often a job may lose its worker before it fails for good
    #[arg(long, env = "MAX_STALLS", value_name = "COUNT", default_value_t = 1)]
    max_stalls: u32,
}

/// When the process counts as stuck.
#[derive(Debug, Clone, Copy, Args)]
struct WatchdogSettings {
    /// After how long without a look at a queue the process ends itself with code 70, so that it is
    /// started again; 0s for never, and at least 10s otherwise
    #[arg(long, env = "WATCHDOG", value_name = "DURATION", default_value = "60s", value_parser = watchdog_limit)]
    watchdog: Duration,
}

/// A healthy loop may be silent for two answers that Valkey owes.
const SHORTEST_WATCHDOG: Duration = Duration::from_secs(10);

fn watchdog_limit(text: &str) -> Result<Duration, String> {
    let limit = duration(text)?;
    if limit.is_zero() || limit >= SHORTEST_WATCHDOG {
        Ok(limit)
    } else {
        Err("expected 0s, for never, or at least 10s".to_owned())
    }
}

/// How often jobs are looked for that failed without a worker's saying so.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(5);

/// How long a look at them may take to end once the workers have stopped.
const RECONCILER_GRACE: Duration = Duration::from_secs(3);

/// The whole of a worker binary's `main`.
pub fn main(process: WorkerProcess) -> ExitCode {
    let command = command(process);
    let settings = command.get_matches();
    let settings = WorkerProcessSettings::from_arg_matches(&settings);
    exit::run(async move { Box::pin(run(process, settings?)).await })
}

/// The binary's command line, for its help and for tests that compare it with the docs.
pub fn command(process: WorkerProcess) -> clap::Command {
    WorkerProcessSettings::command()
        .name(process.name)
        .about(process.about)
}

async fn run(process: WorkerProcess, settings: WorkerProcessSettings) -> anyhow::Result<()> {
    logs::init(&settings.logs)?;
    let shutdown = Shutdown::listen()?;
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, process.ops_port));
    let ops = OpsServer::bind(settings.ops.addr_or(default)).await?;
    let ops_addr = ops.local_addr();

    let Composed {
        lanes,
        checks,
        metrics,
        database,
        valkey,
    } = compose(process, &settings).await?;
    let _ops = ops.serve(checks, Arc::new(metrics), shutdown.token());
    let queues: Vec<_> = process.queues.iter().map(|queue| queue.as_str()).collect();
    info!(
        "{} works {}; health and metrics on http://{ops_addr}",
        process.name,
        queues.join(" and ")
    );

    let watched = lanes.iter().map(|lane| Arc::clone(&lane.observer));
    let watchdog = watch(settings.watchdog.watchdog, watched.collect())?;
    let mut workers = Vec::new();
    let started = start(lanes, &valkey, &shutdown, &mut workers).await;
    if started.is_ok() {
        shutdown.token().cancelled().await;
    }
    // Those that did start may have jobs to hand back.
    stop(workers, settings.shutdown.shutdown_timeout).await;
    drop(watchdog);
    shutdown.drain(RECONCILER_GRACE).await;
    database.close().await;
    started.context("VALKEY_URL")
}

/// The parts of a worker process.
struct Composed {
    lanes: Vec<Lane>,
    checks: Checks,
    metrics: Metrics,
    database: Database,
    valkey: ConnectionSettings,
}

/// A queue and what its worker is started with.
struct Lane {
    queue: QueueId,
    processor: EventProcessor,
    settings: engine::WorkerSettings,
    observer: Arc<QueueObserver>,
    reconciler: Reconciler,
}

/// A worker and who watches it.
struct Watched {
    worker: WorkerHandle,
    observer: Arc<QueueObserver>,
}

/// Builds the adapters and wires them to the ports.
async fn compose(
    process: WorkerProcess,
    settings: &WorkerProcessSettings,
) -> anyhow::Result<Composed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let valkey = settings.valkey.connection()?;
    let database = settings.database.open_ready().await?;
    let store: SharedStore = database.store();
    let connection = Connection::open_or_wait(&valkey)
        .await
        .context("VALKEY_URL")?;
    let table = settings.queues.table();

    let mut metrics = Metrics::new();
    let job_metrics = JobMetrics::register(&mut metrics);
    let counts = Arc::new(EventCounts::default().of_inbox(&mut metrics));
    let prefix = &settings.valkey.valkey_prefix;
    observe::queue_depth(&mut metrics, &connection, prefix, process.queues)?;

    let (checked_store, checked_valkey) = (Arc::clone(&store), connection.clone());
    let mut checks = Checks::new()
        .ready_if("database", move || {
            let store = Arc::clone(&checked_store);
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .ready_if("valkey", move || {
            let connection = checked_valkey.clone();
            async move { connection.ping().await.map_err(|error| error.to_string()) }
        });

    let letters = DeadLetters::new(Arc::clone(&store), Arc::clone(&clock));
    let retention = settings.letters.dead_letter_retention;
    let mut lanes = Vec::new();
    for queue in process.queues.iter().copied() {
        let observer = QueueObserver::new(queue, job_metrics.clone(), Arc::clone(&clock));
        let observer = Arc::new(observer);
        let (turning, working) = (Arc::clone(&observer), Arc::clone(&observer));
        checks = checks
            .alive_if(queue.as_str(), move || turning.is_alive())
            .ready_if(queue.as_str(), move || {
                std::future::ready(working.can_work())
            });

        let reconciler = Reconciler::new(&connection, prefix, queue, letters.clone(), retention)?;
        let dispatcher =
            Dispatcher::new(Arc::clone(&store), Arc::clone(&clock), handlers_of(queue))
                .observed_by(counts.clone());
        lanes.push(Lane {
            queue: QueueId::parse(prefix, queue.as_str())?,
            processor: EventProcessor::new(queue, dispatcher, letters.clone(), Arc::clone(&clock))
                .observed_by(counts.clone()),
            settings: engine::WorkerSettings {
                observer: Some(Arc::clone(&observer) as Arc<dyn engine::WorkerObserver>),
                ..worker_settings(process, settings, queue, &table)
            },
            observer,
            reconciler,
        });
    }
    Ok(Composed {
        lanes,
        checks,
        metrics,
        database,
        valkey,
    })
}

fn watch(limit: Duration, watched: Vec<Arc<QueueObserver>>) -> anyhow::Result<Option<Watchdog>> {
    if limit.is_zero() {
        return Ok(None);
    }
    let watchdog = Watchdog::start(limit, watched).context("the watchdog can't be started")?;
    Ok(Some(watchdog))
}

/// Starts a worker for each queue, as soon as Valkey is there, or until the process is to stop.
async fn start(
    lanes: Vec<Lane>,
    valkey: &ConnectionSettings,
    shutdown: &Shutdown,
    workers: &mut Vec<Watched>,
) -> Result<(), engine::EngineError> {
    let stop = shutdown.token();
    for lane in lanes {
        shutdown.spawn(lane.reconciler.run(RECONCILE_INTERVAL, shutdown.token()));
        let start = Worker::start_when_possible(valkey, lane.queue, lane.processor, lane.settings);
        // Dropping a start gives it up: nothing has been claimed by then.
        let Some(worker) = stop.run_until_cancelled(Box::pin(start)).await else {
            break;
        };
        workers.push(Watched {
            worker: worker?,
            observer: lane.observer,
        });
    }
    Ok(())
}

fn worker_settings(
    process: WorkerProcess,
    settings: &WorkerProcessSettings,
    queue: QueueName,
    table: &QueueTable,
) -> engine::WorkerSettings {
    let own = table.of(queue);
    let name = settings
        .locks
        .worker_name
        .as_deref()
        .unwrap_or(process.name);
    engine::WorkerSettings {
        name: Some(name.to_owned()),
        concurrency: own.concurrency.get() as usize,
        rate_limit: own.rate_limit.map(|limit| RateLimit {
            max: limit.max.get(),
            window: limit.window,
        }),
        lock_duration: settings.locks.lock_duration,
        stalled_interval: settings.locks.stalled_interval,
        max_stalls: settings.locks.max_stalls,
        ..engine::WorkerSettings::default()
    }
}

async fn stop(workers: Vec<Watched>, grace: Duration) {
    // At once, or the last queue would wait for all the others.
    let mut stopping = JoinSet::new();
    for worker in workers {
        stopping.spawn(stop_one(worker, grace));
    }
    stopping.join_all().await;
}

async fn stop_one(watched: Watched, grace: Duration) {
    let Watched { worker, observer } = watched;
    let queue = worker.queue().name().to_owned();
    let report = worker.stop(grace).await;
    observer.retire();
    let (finished, handed_back) = (report.finished, report.handed_back);
    info!(
        queue.name = queue,
        "Stopped working `{queue}`; of the jobs at work then, {finished} finished and {handed_back} were \
         handed back"
    );
    if report.abandoned > 0 {
        warn!(
            queue.name = queue,
            "{} jobs of `{queue}` could not be handed back and wait for their locks to run out",
            report.abandoned
        );
    }
}
