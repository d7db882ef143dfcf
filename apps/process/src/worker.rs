//! The worker process. The three binaries differ in their name, their port and their queues.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use application::SharedStore;
use application::events::dispatcher::Dispatcher;
use application::handlers_of;
use application::queues::{QueueName, QueueTable};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use domain::Clock;
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{self, QueueId, RateLimit, Worker, WorkerHandle};
use telemetry::logs::{self, LogSettings};
use telemetry::metrics::{JobMetrics, Metrics};
use telemetry::ops::{Checks, OpsServer, OpsSettings};
use telemetry::shutdown::Shutdown;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::observe::{self, QueueObserver};
use crate::settings::{
    Database, DatabaseSettings, QueueSettingsArgs, ShutdownSettings, ValkeySettings, duration,
};
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

/// The whole of a worker binary's `main`.
pub fn main(process: WorkerProcess) -> ExitCode {
    let command = command(process);
    let settings = command.get_matches();
    let settings = WorkerProcessSettings::from_arg_matches(&settings);
    exit::run(async move { run(process, settings?).await })
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
        workers,
        checks,
        metrics,
        database,
    } = compose(process, &settings).await?;
    let _ops = ops.serve(checks, Arc::new(metrics), shutdown.token());
    let queues: Vec<_> = process.queues.iter().map(|queue| queue.as_str()).collect();
    info!(
        "{} works {}; health and metrics on http://{ops_addr}",
        process.name,
        queues.join(" and ")
    );

    shutdown.token().cancelled().await;
    stop(workers, settings.shutdown.shutdown_timeout).await;
    database.close().await;
    Ok(())
}

/// The parts of a worker process.
struct Composed {
    workers: Vec<WorkerHandle>,
    checks: Checks,
    metrics: Metrics,
    database: Database,
}

/// Builds the adapters, wires them to the ports, and starts a worker for each queue.
async fn compose(
    process: WorkerProcess,
    settings: &WorkerProcessSettings,
) -> anyhow::Result<Composed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let database = settings.database.open().await?;
    database.check_schema().await.context("DATABASE_URL")?;
    let store: SharedStore = Arc::new(database.clone());
    let connection = settings.valkey.connect().await?;
    let table = settings.queues.table();

    let mut metrics = Metrics::new();
    let job_metrics = JobMetrics::register(&mut metrics);
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

    let valkey = settings.valkey.connection()?;
    let mut workers = Vec::new();
    for queue in process.queues.iter().copied() {
        let observer = QueueObserver::new(queue, job_metrics.clone(), Arc::clone(&clock));
        let observer = Arc::new(observer);
        let watched = Arc::clone(&observer);
        checks = checks.alive_if(queue.as_str(), move || watched.is_alive());

        let dispatcher =
            Dispatcher::new(Arc::clone(&store), Arc::clone(&clock), handlers_of(queue));
        let worker_settings = engine::WorkerSettings {
            observer: Some(observer),
            ..worker_settings(process, settings, queue, &table)
        };
        let worker = Worker::start(
            &valkey,
            QueueId::parse(prefix, queue.as_str())?,
            EventProcessor::new(dispatcher),
            worker_settings,
        );
        workers.push(worker.await.context("VALKEY_URL")?);
    }
    Ok(Composed {
        workers,
        checks,
        metrics,
        database,
    })
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

async fn stop(workers: Vec<WorkerHandle>, grace: Duration) {
    // At once, or the last queue would wait for all the others.
    let mut stopping = JoinSet::new();
    for worker in workers {
        stopping.spawn(stop_one(worker, grace));
    }
    stopping.join_all().await;
}

async fn stop_one(worker: WorkerHandle, grace: Duration) {
    let queue = worker.queue().name().to_owned();
    let report = worker.stop(grace).await;
    let (finished, handed_back) = (report.finished, report.handed_back);
    info!(
        queue.name = queue,
        "Stopped working `{queue}`: {finished} jobs finished, {handed_back} handed back"
    );
    if report.abandoned > 0 {
        warn!(
            queue.name = queue,
            "{} jobs of `{queue}` could not be handed back and wait for their locks to run out",
            report.abandoned
        );
    }
}
