//! Jobs added on schedule, whether or not earlier ones are done, and how long each takes from the
//! call that adds it to its start and to its completion.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::setup::{Deed, JOB, PROGRAM, Setup, join};
use crate::times::{millis, percentile, warm};

/// Which job started when, in order.
type Starts = Arc<Mutex<Vec<(usize, Instant)>>>;

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let (jobs, rate) = (setup.environment.jobs, setup.environment.rate);
    let starts: Starts = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let noted = Arc::clone(&starts);
    let worker = setup
        .worker(jobs, jobs, move |job| {
            let start = (job.data.i, Instant::now());
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(start);
            Deed::Done
        })
        .await?;
    let worker = worker.start();
    tokio::time::sleep(setup.environment.settle).await;
    let window = setup.window().await?;
    let base = Instant::now();
    let mut adds = JoinSet::new();
    let mut added = Vec::with_capacity(jobs);
    let mut lags = Vec::with_capacity(jobs);
    for i in 0..jobs {
        let due = base + Duration::from_nanos(i as u64 * 1_000_000_000 / rate as u64);
        if due > Instant::now() {
            // No spinning: that would keep a core awake and flatter the worker.
            tokio::time::sleep_until(due.into()).await;
        }
        let now = Instant::now();
        added.push(now);
        lags.push(millis(now.saturating_duration_since(due)));
        let (queue, payload) = (setup.queue.clone(), setup.filler().payload(i));
        adds.spawn(async move {
            queue.add(JOB, &payload, &JobOptions::default()).await?;
            Ok(())
        });
    }
    join(adds).await?;
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    let completions = worker.completions.moments();
    let fault = worker.stop(jobs, 1).await;
    let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
    let since = |job: usize, then: Instant| millis(then.saturating_duration_since(added[job]));
    let started: Vec<_> = starts
        .iter()
        .map(|(job, then)| since(*job, *then))
        .collect();
    // Attempts of no length are settled in the order in which they started, so the one that
    // completed as the tenth is the one that started as the tenth.
    let completed = starts.iter().zip(completions);
    let completed: Vec<_> = completed
        .map(|((job, _), then)| since(*job, then))
        .collect();
    let (lags, started, completed) = (warm(lags), warm(started), warm(completed));
    Ok(Report {
        program: PROGRAM,
        case: "latency",
        jobs,
        measured,
        extras: json!({
            "offered": rate,
            "schedule_lag_p99_ms": percentile(&lags, 0.99),
            "pickup_p50_ms": percentile(&started, 0.5),
            "pickup_p99_ms": percentile(&started, 0.99),
            "done_p50_ms": percentile(&completed, 0.5),
            "done_p99_ms": percentile(&completed, 0.99),
        }),
        fault,
    })
}
