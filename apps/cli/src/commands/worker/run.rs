//! `bellwether worker run`.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use infra_redis::engine::{RateLimit, Worker, WorkerSettings};
use process::settings::{ShutdownSettings, duration};
use serde_json::json;
use telemetry::logs::{self, LogSettings};
use telemetry::shutdown::Shutdown;
use tracing::{info, warn};

use super::exec::Exec;
use crate::arguments::{queue_name, rate_limit};
use crate::output::count;
use crate::server::Server;

/// The shortest time that a lock can be renewed in.
const SHORTEST_LOCK: Duration = Duration::from_millis(100);

/// Works a queue until it is interrupted
///
/// Each job runs the command through the shell, with the job as one JSON object on its standard
/// input: `id`, `name`, `data`, `opts`, `attemptsMade` and `queue`. What the command prints on its
/// standard output is the return value: the JSON where it is JSON, else the text, and null where it
/// is nothing. If it exits with 0, the job completes; with 65, it fails for good; with any other
/// code, the attempt fails. The reason is the end of its standard error. Lines `progress: JSON` and
/// `log: TEXT` there become the job's progress and log.
///
/// SIGTERM or SIGINT: no more jobs are taken, those at work get the shutdown timeout, and the rest go
/// back to the head of the queue with their attempt uncounted. The exit code is 0.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The queue to work
    #[arg(long, value_name = "QUEUE", value_parser = queue_name)]
    queue: String,

    /// Work so many jobs at once
    #[arg(long, value_name = "N", default_value = "1")]
    concurrency: NonZeroUsize,

    /// The name that is shown beside the jobs it worked
    #[arg(long)]
    name: Option<String>,

    /// Start at most so many jobs in a time, over all workers of the queue
    #[arg(long, value_name = "MAX/DURATION", value_parser = rate_limit)]
    limit: Option<RateLimit>,

    /// How long a job stays locked without renewal; it is renewed for as long as it runs
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = lock_duration)]
    lock_duration: Duration,

    /// How often jobs are looked for whose worker is gone
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = lock_duration)]
    stalled_interval: Duration,

    /// The command that performs a job; without it every job completes with null
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,

    #[command(flatten)]
    shutdown: ShutdownSettings,

    #[command(flatten)]
    logs: LogSettings,
}

impl Run {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        logs::init(&self.logs)?;
        let shutdown = Shutdown::listen()?;
        let id = server.id(&self.queue)?;
        let settings = WorkerSettings {
            name: self.name.clone(),
            concurrency: self.concurrency.get(),
            rate_limit: self.limit,
            lock_duration: self.lock_duration,
            stalled_interval: self.stalled_interval,
            ..WorkerSettings::default()
        };
        let processor = Exec::new(self.exec.clone(), &self.queue, shutdown.token());
        let connection = server.settings()?;
        let worker = Worker::start(&connection, id, processor, settings);
        let worker = worker.await.context("VALKEY_URL")?;
        let queue = &self.queue;
        info!(
            queue.name = queue,
            "Working `{queue}`, {} at once",
            count(self.concurrency.get() as u64, "job")
        );

        shutdown.token().cancelled().await;
        let report = worker.stop(self.shutdown.shutdown_timeout).await;
        if report.abandoned > 0 {
            warn!(
                queue.name = queue,
                "{} of `{queue}` could not be handed back and wait for their locks to run out",
                count(report.abandoned as u64, "job")
            );
        }
        let answer = json!({
            "queue": queue,
            "finished": report.finished,
            "handedBack": report.handed_back,
            "abandoned": report.abandoned,
        });
        server.show(&answer, |_| {
            let (finished, handed_back) = (report.finished, report.handed_back);
            format!(
                "Stopped working {queue}; of the jobs at work then, {finished} finished and \
                 {handed_back} were handed back"
            )
        })
    }
}

fn lock_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < SHORTEST_LOCK {
        return Err(format!("must be at least {SHORTEST_LOCK:?}"));
    }
    Ok(duration)
}
