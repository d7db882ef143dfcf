//! What every case needs first: connections, a queue, jobs in it, a worker.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use infra_redis::engine::{
    Claimed, ConnectedWorker, Connection, ConnectionSettings, JobContext, JobCounts, JobError,
    JobOptions, Keep, LookAhead, NewJob, Processor, Queue, QueueId, Worker, WorkerHandle,
    WorkerSettings,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::completions::Completions;
use crate::environment::{Environment, Keep as Kept, LookAhead as Ahead};
use crate::runs::Runs;
use crate::server::Server;
use crate::window::Window;

/// What the reports call this program.
pub(crate) const PROGRAM: &str = "bellwether";

/// The name of every job.
pub(crate) const JOB: &str = "job";

/// How many jobs are loaded by one call.
const LOAD: usize = 1000;

/// How long jobs at work may take to end when all that counts is over.
const GRACE: Duration = Duration::from_secs(5);

/// A job's data: its number, and filler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) i: usize,
    p: String,
}

/// Makes jobs with so many bytes of filler in their data.
#[derive(Clone, Copy)]
pub(crate) struct Filler(usize);

impl Filler {
    pub(crate) fn of(environment: &Environment) -> Self {
        Self(environment.payload)
    }

    pub(crate) fn payload(self, i: usize) -> Payload {
        Payload {
            i,
            p: "x".repeat(self.0),
        }
    }

    pub(crate) fn bulk(
        self,
        numbers: Range<usize>,
        options: impl Fn(usize) -> JobOptions,
    ) -> Vec<NewJob<'static, Payload>> {
        let job = |i| NewJob {
            name: JOB,
            data: self.payload(i),
            options: options(i),
        };
        numbers.map(job).collect()
    }
}

/// A run's connections and queue.
pub(crate) struct Setup {
    pub(crate) environment: Environment,
    pub(crate) server: Server,
    pub(crate) queue: Queue<Payload>,
    /// The same queue, past a proxy that delays.
    near: Queue<Payload>,
    settings: ConnectionSettings,
}

impl Setup {
    pub(crate) async fn open(environment: Environment) -> Result<Self> {
        let mut server = Server::connect(&environment.control_url).await?;
        if environment.flushes {
            server.flush().await?;
        }
        let id = QueueId::parse("bull", &environment.queue)?;
        let settings = ConnectionSettings::parse(&environment.url)?;
        let queue = Queue::new(Connection::open(&settings).await?, id.clone());
        let near = if environment.control_url == environment.url {
            queue.clone()
        } else {
            let settings = ConnectionSettings::parse(&environment.control_url)?;
            Queue::new(Connection::open(&settings).await?, id)
        };
        Ok(Self {
            environment,
            server,
            queue,
            near,
            settings,
        })
    }

    pub(crate) fn filler(&self) -> Filler {
        Filler::of(&self.environment)
    }

    /// Adds jobs before the window, unless they are there already.
    pub(crate) async fn preload(
        &self,
        jobs: usize,
        options: impl Fn(usize) -> JobOptions,
    ) -> Result<()> {
        if self.environment.is_preloaded {
            return Ok(());
        }
        for first in (0..jobs).step_by(LOAD) {
            let numbers = first..jobs.min(first + LOAD);
            let bulk = self.filler().bulk(numbers, &options);
            self.near.add_bulk(&bulk).await?;
        }
        Ok(())
    }

    pub(crate) async fn window(&mut self) -> Result<Window> {
        Window::open(&mut self.server).await
    }

    pub(crate) async fn counts(&self) -> Result<JobCounts> {
        Ok(self.near.counts().await?)
    }

    /// Connects a worker that runs `deed` for jobs numbered below `jobs`, and waits for `wanted`
    /// of them.
    pub(crate) async fn worker<F>(&self, jobs: usize, wanted: usize, deed: F) -> Result<Ready<F>>
    where
        F: Fn(&Claimed<Payload>) -> Deed + Send + Sync + 'static,
    {
        let runs = Arc::new(Runs::of(jobs));
        let completions = Arc::new(Completions::of(wanted));
        let performer = Performer {
            runs: Arc::clone(&runs),
            deed,
        };
        let settings = worker_settings(&self.environment, Arc::clone(&completions));
        let id = self.queue.id().clone();
        let worker = Worker::connect(&self.settings, id, performer, settings).await?;
        Ok(Ready {
            worker,
            runs,
            completions,
        })
    }

    /// Adds jobs one by one, as many at a time as the environment says.
    pub(crate) async fn add_all(&self) -> Result<()> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut lanes = JoinSet::new();
        for _ in 0..self.environment.concurrency {
            let (queue, next, jobs) =
                (self.queue.clone(), Arc::clone(&next), self.environment.jobs);
            let mut payload = self.filler().payload(0);
            lanes.spawn(async move {
                loop {
                    payload.i = next.fetch_add(1, Ordering::Relaxed);
                    if payload.i >= jobs {
                        return Ok(());
                    }
                    queue.add(JOB, &payload, &JobOptions::default()).await?;
                }
            });
        }
        join(lanes).await
    }
}

/// Waits for all tasks, and fails with the first that failed.
pub(crate) async fn join(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// The one place where the engine is told how to work.
fn worker_settings(environment: &Environment, observer: Arc<Completions>) -> WorkerSettings {
    WorkerSettings {
        concurrency: environment.concurrency,
        look_ahead: match environment.look_ahead {
            Ahead::Jobs(0) => LookAhead::None,
            Ahead::Jobs(count) => LookAhead::Jobs(count),
            Ahead::Automatic => LookAhead::Automatic { at_most: 1000 },
        },
        keep_completed: match environment.keep {
            Kept::All => Keep::All,
            Kept::None => Keep::None,
            Kept::Newest(count) => Keep::Newest(count),
        },
        observer: Some(observer),
        ..WorkerSettings::default()
    }
}

/// What a processor does with a job.
pub(crate) enum Deed {
    /// It is done at once.
    Done,
    /// It takes this long.
    Takes(Duration),
    /// It fails, and may be tried again.
    Fails,
}

struct Performer<F> {
    runs: Arc<Runs>,
    deed: F,
}

impl<F> Processor for Performer<F>
where
    F: Fn(&Claimed<Payload>) -> Deed + Send + Sync + 'static,
{
    type Data = Payload;
    type Output = ();

    async fn process(&self, job: Claimed<Payload>, _context: &JobContext) -> Result<(), JobError> {
        self.runs.note(job.data.i);
        match (self.deed)(&job) {
            Deed::Done => Ok(()),
            Deed::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Deed::Fails => Err(JobError::transient("this attempt is meant to fail")),
        }
    }
}

/// A connected worker that claims nothing yet.
pub(crate) struct Ready<F> {
    worker: ConnectedWorker<Performer<F>>,
    runs: Arc<Runs>,
    completions: Arc<Completions>,
}

impl<F> Ready<F>
where
    F: Fn(&Claimed<Payload>) -> Deed + Send + Sync + 'static,
{
    pub(crate) fn start(self) -> Working {
        Working {
            handle: self.worker.start(),
            runs: self.runs,
            completions: self.completions,
        }
    }
}

/// A worker at work.
pub(crate) struct Working {
    handle: WorkerHandle,
    runs: Arc<Runs>,
    pub(crate) completions: Arc<Completions>,
}

impl Working {
    /// Stops, and tells what is wrong, if a job that ran did not run exactly `times`, or fewer than
    /// `jobs` ran.
    pub(crate) async fn stop(self, jobs: usize, times: u32) -> Option<String> {
        self.handle.stop(GRACE).await;
        self.completions
            .fault()
            .or_else(|| self.runs.fault(jobs, times))
    }

    /// Stops at once, with jobs that would run on.
    pub(crate) async fn break_off(self, jobs: usize) -> Option<String> {
        self.handle.stop(Duration::ZERO).await;
        self.completions
            .fault()
            .or_else(|| self.runs.fault(jobs, 1))
    }
}

/// Now, as jobs and their delays tell the time.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub(crate) fn unix_millis() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() * 1e3
}
