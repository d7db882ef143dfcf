//! Cases that work as fast as they can.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bullmq::types::BackoffStrategy;
use bullmq::{Error, Job};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::report::Report;
use crate::setup::{Setup, completed, report};
use crate::times::{millis, pace};

pub(crate) async fn process(mut setup: Setup) -> Result<Report> {
    let (jobs, work) = (setup.environment.jobs, setup.environment.work);
    setup.preload(jobs, |job, _| job).await?;
    let worker = setup.worker(move |_: Job, _| async move {
        if !work.is_zero() {
            tokio::time::sleep(work).await;
        }
        Ok(Value::Null)
    });
    let worker = worker.await?;
    let window = setup.window().await?;
    let start = Instant::now();
    let moments = completed(&worker, jobs).await?;
    let measured = window.close(&mut setup.server).await?;
    let moments: Vec<_> = moments.into_iter().map(|(_, moment)| moment).collect();
    Ok(report("process", jobs, measured, pace(&moments, start)))
}

pub(crate) async fn prio(mut setup: Setup) -> Result<Report> {
    let (jobs, depth) = (setup.environment.jobs_of_depth(), setup.environment.depth);
    let with_priority = |job: bullmq::BulkJob, i: usize| job.priority(1 + (i as u32 * 7) % 10);
    setup.preload(depth, with_priority).await?;
    let worker = setup.worker(|_, _| async { Ok(Value::Null) }).await?;
    let window = setup.window().await?;
    completed(&worker, jobs).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(report("prio", jobs, measured, json!({"depth": depth})))
}

pub(crate) async fn pipe(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let worker = setup.worker(|_, _| async { Ok(Value::Null) }).await?;
    let window = setup.window().await?;
    tokio::try_join!(completed(&worker, jobs), setup.add_all())?;
    let measured = window.close(&mut setup.server).await?;
    Ok(report("pipe", jobs, measured, json!({})))
}

pub(crate) async fn retry(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let wait = u64::try_from(setup.environment.backoff.as_millis())?;
    let with_attempts = |job: bullmq::BulkJob, _| {
        let backoff = BackoffStrategy::Fixed(wait);
        job.attempts(3).backoff(backoff)
    };
    setup.preload(jobs, with_attempts).await?;
    let worker = setup.worker(|job: Job, _| async move {
        if job.attempts_made() < 2 {
            return Err(Error::ProcessingError(
                "this attempt is meant to fail".into(),
            ));
        }
        Ok(Value::Null)
    });
    let worker = worker.await?;
    let window = setup.window().await?;
    completed(&worker, jobs).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(report("retry", jobs, measured, json!({"attempts": 3})))
}

pub(crate) async fn ramp(mut setup: Setup) -> Result<Report> {
    let slots = setup.environment.concurrency;
    setup.preload(slots, |job, _| job).await?;
    let starts = Arc::new(Mutex::new(Vec::with_capacity(slots)));
    let all = Arc::new(Notify::new());
    let (noted, told) = (Arc::clone(&starts), Arc::clone(&all));
    let worker = setup.worker(move |_, _| {
        let mut starts = noted.lock().unwrap_or_else(PoisonError::into_inner);
        starts.push(Instant::now());
        if starts.len() == slots {
            told.notify_one();
        }
        async {
            tokio::time::sleep(Duration::from_secs(120)).await;
            Ok(Value::Null)
        }
    });
    let worker = worker.await?;
    let window = setup.window().await?;
    let start = Instant::now();
    worker.run().await?;
    // Whether all were busy in time is told by what stands in the list.
    let _ = tokio::time::timeout(Duration::from_secs(90), all.notified()).await;
    let measured = window.close(&mut setup.server).await?;
    let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
    let since = |at: &Instant| millis(at.duration_since(start));
    let extras = json!({
        "first_ms": starts.first().map(since),
        "all_ms": starts.get(slots - 1).map(since),
    });
    Ok(report("ramp", slots, measured, extras))
}
