//! How soon the jobs of a worker that is gone run again in another.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infra_redis::engine::{JobCounts, JobState, Order, Queue};
use serde_json::Value;
use testkit::valkey::Persistence;
use tokio::time::Instant;

use super::{Figure, until};
use crate::load::{Load, Told};
use crate::queues::Queues;
use crate::system::{DatabaseKind, Locks, System};

const LOCKS: Locks = Locks {
    duration: Duration::from_secs(3),
    check: Duration::from_millis(500),
    max_stalls: 1,
};

/// How long a worker that stops lets its jobs go on.
const GRACE: &str = "100ms";

/// How many jobs are at work at least when their worker goes; as many as there are authors.
const JOBS: u64 = 8;

const HANDLED: &str = "SELECT COUNT(*) FROM inbox WHERE handler = 'feeds.update'";

/// What the worker is called that takes the jobs over.
const OTHER: &str = "other";

/// How a worker goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

/// What became of the jobs.
struct TakenOver {
    jobs: usize,
    stalls: u32,
    after: Duration,
}

pub(super) async fn measure() -> Result<Vec<Figure>> {
    let killed = take_over(End::Killed).await?;
    let limit = LOCKS.duration + LOCKS.check * 2;
    let more = format!(" ({} jobs)", killed.jobs);
    let what = "a killed worker's jobs run in another: lock duration (3 s) and two checks (0.5 s)";
    let first = Figure::at_most(what, limit, killed.after, &more);

    let stopped = take_over(End::Stopped).await?;
    let more = format!(" ({} jobs, {} stalled)", stopped.jobs, stopped.stalls);
    let what = "a stopped worker's jobs run in another, and none stalled";
    let mut second = Figure::at_most(what, Duration::from_secs(1), stopped.after, &more);
    second.is_met &= stopped.stalls == 0;
    Ok(vec![first, second])
}

async fn take_over(end: End) -> Result<TakenOver> {
    let system = System::start_web(DatabaseKind::Postgres, Persistence::Always).await?;
    let load = Load::prepare(system.apis()).await?;
    let own = ["--shutdown-timeout", GRACE];
    let mut first = system
        .worker("feed-worker", LOCKS, &own, Vec::new())
        .await?;
    let queues = Queues::open(&system.valkey.url()).await?;
    let feeds = queues.of("feeds");
    let follows = "SELECT COUNT(*) FROM outbox WHERE kind = 'CuratorFollowed'";
    let before = system.sql.number(follows).await?;
    until(&system, HANDLED, |handled| handled == before).await?;

    // All jobs are brought into the worker's hands, where they wait for a table.
    feeds.pause().await?;
    load.run(JOBS, Arc::new(Told::default())).await;
    let saved = "SELECT COUNT(*) FROM outbox WHERE kind = 'CardAddedToLibrary'";
    let saved = system.sql.number(saved).await?;
    let jobs = u64::try_from(saved)?;
    wait_for_jobs(&queues, |counts| counts.prioritized == jobs).await?;
    let held = system.sql.hold("feed_entries").await?;
    feeds.resume().await?;
    wait_for_jobs(&queues, |counts| counts.active == jobs).await?;
    let taken = feeds
        .jobs(&[JobState::Active], 0..100, Order::OldestFirst)
        .await?;
    ensure!(taken.len() as u64 == jobs, "a job left its worker");
    let other = ["--worker-name", OTHER];
    let _second = system
        .worker("feed-worker", LOCKS, &other, Vec::new())
        .await?;

    let gone = Instant::now();
    match end {
        End::Killed => first.program.kill()?,
        End::Stopped => first.program.signal("TERM")?,
    }
    let mut stalls = 0;
    for job in &taken {
        stalls += until_other_has(feeds, &job.id).await?;
    }
    let after = gone.elapsed();
    held.release().await?;
    until(&system, HANDLED, |handled| handled == before + saved).await?;
    Ok(TakenOver {
        jobs: taken.len(),
        stalls,
        after,
    })
}

/// Waits until the other worker runs this job; how often it has stalled.
async fn until_other_has(feeds: &Queue<Value>, id: &str) -> Result<u32> {
    let begun = Instant::now();
    loop {
        let job = feeds.job(id).await?.context("the job is gone")?;
        if job.processed_by.as_deref() == Some(OTHER) {
            return Ok(job.stalls);
        }
        ensure!(
            begun.elapsed() < Duration::from_mins(1),
            "no other worker takes job {id}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn wait_for_jobs(queues: &Queues, is_so: impl Fn(JobCounts) -> bool) -> Result<()> {
    let begun = Instant::now();
    loop {
        let counts = queues.of("feeds").counts().await?;
        if is_so(counts) {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < Duration::from_mins(1),
            "the jobs of `feeds` stay as they are: {counts:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
