//! What every case needs first: connections, a queue, jobs in it, a worker.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use bullmq::options::RedisConnectionOptions;
use bullmq::types::RemoveOnFinish;
use bullmq::worker::{CancellationToken, WorkerEvent};
use bullmq::{BulkJob, Error, Job, Queue, QueueOptions, Worker, WorkerOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::environment::{Environment, Keep};
use crate::report::Report;
use crate::server::Server;
use crate::window::{Measured, Window};

pub(crate) struct Setup {
    pub(crate) environment: Environment,
    pub(crate) server: Server,
    pub(crate) queue: Queue,
}

impl Setup {
    pub(crate) async fn open(environment: Environment) -> Result<Self> {
        let mut server = Server::connect(&environment.control_url).await?;
        if environment.flushes {
            server.flush().await?;
        }
        let queue = queue(&environment.queue, &environment.url).await?;
        Ok(Self {
            environment,
            server,
            queue,
        })
    }

    pub(crate) async fn window(&mut self) -> Result<Window> {
        Window::open(&mut self.server).await
    }

    /// Data of a job, as all programs give it.
    pub(crate) fn data(&self) -> impl Fn(usize) -> Value + Clone + Send + use<> {
        let filler = "x".repeat(self.environment.payload);
        move |i| json!({"i": i, "p": filler})
    }

    /// Adds jobs before the window, unless they are there already.
    pub(crate) async fn preload(
        &self,
        jobs: usize,
        with_options: impl Fn(BulkJob, usize) -> BulkJob,
    ) -> Result<()> {
        if self.environment.is_preloaded {
            return Ok(());
        }
        let near = queue(&self.environment.queue, &self.environment.control_url).await?;
        let data = self.data();
        for first in (0..jobs).step_by(1000) {
            let numbers = first..jobs.min(first + 1000);
            let bulk = numbers.map(|i| with_options(BulkJob::new("job", data(i)), i));
            near.add_bulk(bulk.collect()).await?;
        }
        Ok(())
    }

    /// A worker that is connected and claims nothing yet.
    pub(crate) async fn worker<F, D>(&self, perform: F) -> Result<Worker>
    where
        F: Fn(Job, CancellationToken) -> D + Send + Sync + 'static,
        D: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        let mut options = WorkerOptions::new()
            .connection(connection(&self.environment.url))
            .concurrency(self.environment.concurrency)
            .manual_start();
        options.remove_on_complete = match self.environment.keep {
            Keep::All => None,
            Keep::None => Some(RemoveOnFinish::Bool(true)),
            Keep::Newest(count) => Some(RemoveOnFinish::Count(usize::try_from(count)?)),
        };
        Ok(Worker::with_options(&self.environment.queue, perform, options).await?)
    }

    pub(crate) async fn add_all(&self) -> Result<()> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut lanes = JoinSet::new();
        for _ in 0..self.environment.concurrency {
            let (queue, next, data) = (self.queue.clone(), Arc::clone(&next), self.data());
            let jobs = self.environment.jobs;
            lanes.spawn(async move {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= jobs {
                        return Ok(());
                    }
                    queue.add("job", data(i)).await?;
                }
            });
        }
        join(lanes).await
    }
}

pub(crate) fn report(case: &'static str, jobs: usize, measured: Measured, extras: Value) -> Report {
    Report {
        program: "bullmq-official",
        case,
        jobs,
        measured,
        extras,
        // That it runs each job once is for its own project to check.
        fault: None,
    }
}

/// Waits for all tasks, and fails with the first that failed.
pub(crate) async fn join(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Starts a worker, and returns the moments at which jobs completed, by their ids, once there are
/// as many.
pub(crate) async fn completed(worker: &Worker, jobs: usize) -> Result<Vec<(String, Instant)>> {
    let mut moments = Vec::with_capacity(jobs);
    worker.run().await?;
    while moments.len() < jobs {
        match worker.next_event().await {
            Some(WorkerEvent::Completed { job_id, .. }) => moments.push((job_id, Instant::now())),
            Some(WorkerEvent::Error(error)) => eprintln!("{error}"),
            Some(_) => {}
            None => bail!("the worker ended with {} of {jobs} jobs", moments.len()),
        }
    }
    Ok(moments)
}

pub(crate) fn unix_millis() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() * 1e3
}

fn connection(url: &str) -> RedisConnectionOptions {
    RedisConnectionOptions::new().url(url)
}

async fn queue(name: &str, url: &str) -> Result<Queue> {
    let options = QueueOptions::new().connection(connection(url));
    Ok(Queue::with_options(name, options).await?)
}
