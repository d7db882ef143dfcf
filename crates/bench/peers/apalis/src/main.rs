//! apalis over Redis, measured as `bellwether-bench` measures the engine: the same cases, the same
//! environment, and a window and a line that are the same code.
//!
//! Its queues are its own: no other client can share them. It is used as it comes, with locks, results
//! and events; a worker fetches as many jobs at once as it works at a time. Its worker ends with an
//! error when more jobs wait than Lua takes as arguments of a call, which are about 8,000.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^53, and figures are told to three places"
)]

#[path = "../../../src/environment.rs"]
#[expect(dead_code, reason = "other programs have more cases")]
mod environment;
#[path = "../../../src/plain.rs"]
mod plain;
#[path = "../../../src/report.rs"]
mod report;
#[path = "../../../src/runs.rs"]
mod runs;
#[path = "../../../src/runtime.rs"]
mod runtime;
#[path = "../../../src/server.rs"]
mod server;
#[path = "../../../src/window.rs"]
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow, bail};
use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use environment::Environment;
use report::Report;
use runs::Runs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::Server;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use window::{Measured, Window};

/// A job's data, as all programs give it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payload {
    i: usize,
    p: String,
}

type Storage = RedisStorage<Payload>;

struct Setup {
    environment: Environment,
    server: Server,
    storage: Storage,
}

impl Setup {
    async fn open(environment: Environment) -> Result<Self> {
        let mut server = Server::connect(&environment.control_url).await?;
        if environment.flushes {
            server.flush().await?;
        }
        let connection = apalis_redis::connect(environment.url.as_str()).await?;
        let config = Config::default()
            .queue(environment.queue.as_str())
            .batch_size(environment.concurrency);
        let storage = Storage::new(connection).with_config(config);
        Ok(Self {
            environment,
            server,
            storage,
        })
    }

    fn payload(&self) -> impl Fn(usize) -> Payload + Clone + Send + use<> {
        let filler = "x".repeat(self.environment.payload);
        move |i| Payload {
            i,
            p: filler.clone(),
        }
    }

    /// Adds so many jobs at a time in each call, and so many calls at a time.
    async fn add(&self, lanes: usize, chunk: usize) -> Result<()> {
        let jobs = self.environment.jobs;
        let next = Arc::new(AtomicUsize::new(0));
        let mut adding = JoinSet::new();
        for _ in 0..lanes {
            let (mut storage, next) = (self.storage.clone(), Arc::clone(&next));
            let payload = self.payload();
            adding.spawn(async move {
                loop {
                    let first = next.fetch_add(chunk, Ordering::Relaxed);
                    if first >= jobs {
                        return Ok(());
                    }
                    let added = if chunk == 1 {
                        storage.push(payload(first)).await
                    } else {
                        let numbers = first..jobs.min(first + chunk);
                        storage.push_bulk(numbers.map(&payload).collect()).await
                    };
                    added.map_err(|error| anyhow!("a job was not added: {error:?}"))?;
                }
            });
        }
        while let Some(ended) = adding.join_next().await {
            ended?.map_err(|error: anyhow::Error| error)?;
        }
        Ok(())
    }

    fn report(&self, case: &'static str, measured: Measured, extras: Value) -> Report {
        Report {
            program: "apalis-redis",
            case,
            jobs: self.environment.jobs,
            measured,
            extras,
            fault: None,
        }
    }
}

async fn add(mut setup: Setup) -> Result<Report> {
    let window = Window::open(&mut setup.server).await?;
    setup.add(setup.environment.concurrency, 1).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(setup.report("add", measured, json!({})))
}

async fn addbulk(mut setup: Setup) -> Result<Report> {
    let chunk = setup.environment.chunk;
    let window = Window::open(&mut setup.server).await?;
    setup.add(setup.environment.concurrency, chunk).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(setup.report("addbulk", measured, json!({"chunk": chunk})))
}

#[derive(Clone)]
struct Progress {
    runs: Arc<Runs>,
    left: Arc<AtomicUsize>,
    all: Arc<Notify>,
}

async fn perform(job: Payload, progress: Data<Progress>) -> Result<(), BoxDynError> {
    progress.runs.note(job.i);
    if progress.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        progress.all.notify_one();
    }
    Ok(())
}

async fn process(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    setup.add(1, 1000).await?;
    let progress = Progress {
        runs: Arc::new(Runs::of(jobs)),
        left: Arc::new(AtomicUsize::new(jobs)),
        all: Arc::new(Notify::new()),
    };
    let window = Window::open(&mut setup.server).await?;
    let worker = WorkerBuilder::new("bench")
        .backend(setup.storage.clone())
        .data(progress.clone())
        .concurrency(setup.environment.concurrency)
        .build(perform);
    tokio::select! {
        () = progress.all.notified() => {}
        ended = worker.run() => bail!("the worker ended by itself: {ended:?}"),
    }
    let measured = window.close(&mut setup.server).await?;
    let fault = progress.runs.fault(jobs, 1);
    Ok(Report {
        fault,
        ..setup.report("process", measured, json!({}))
    })
}

async fn run(case: &str, environment: Environment) -> Result<String> {
    let (concurrency, has_detail) = (environment.concurrency, environment.has_detail);
    let setup = Setup::open(environment).await?;
    let report = match case {
        "add" => add(setup).await,
        "addbulk" => addbulk(setup).await,
        "process" => process(setup).await,
        other => bail!("there is no case `{other}`; expected add, addbulk or process"),
    };
    Ok(report?.line(concurrency, has_detail))
}

fn main() -> Result<()> {
    let case = std::env::args().nth(1).unwrap_or_default();
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let runtime = runtime::runtime(environment.threads)?;
    let line = runtime.block_on(run(&case, environment))?;
    println!("{line}");
    // Its worker has tasks that would go on.
    std::process::exit(0)
}
