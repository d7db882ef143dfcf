//! Delayed jobs, due one after another, and how late each starts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::setup::{Deed, JOB, PROGRAM, Setup, join, unix_millis};
use crate::times::percentile;

/// The delay of the first one, so that all are added before.
const FIRST: u64 = 500;

/// The wait until the worker is idle.
const IDLE: Duration = Duration::from_millis(300);

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let (jobs, rate) = (setup.environment.jobs, setup.environment.rate);
    let delay = move |i: usize| FIRST + (i * 1000 / rate) as u64;
    let late = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let noted = Arc::clone(&late);
    let worker = setup
        .worker(jobs, jobs, move |job| {
            let due = job.timestamp + delay(job.data.i);
            let late = unix_millis().floor() - due as f64;
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(late);
            Deed::Done
        })
        .await?;
    let worker = worker.start();
    tokio::time::sleep(IDLE).await;
    let window = setup.window().await?;
    let mut adds = JoinSet::new();
    for i in 0..jobs {
        let (queue, payload) = (setup.queue.clone(), setup.filler().payload(i));
        adds.spawn(async move {
            let options = JobOptions {
                delay: Duration::from_millis(delay(i)),
                ..JobOptions::default()
            };
            queue.add(JOB, &payload, &options).await?;
            Ok(())
        });
    }
    join(adds).await?;
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    let fault = worker.stop(jobs, 1).await;
    let late = late.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Report {
        program: PROGRAM,
        case: "delaylat",
        jobs,
        measured,
        extras: json!({
            "offered": rate,
            "late_p50_ms": percentile(&late, 0.5),
            "late_p99_ms": percentile(&late, 0.99),
        }),
        fault,
    })
}
