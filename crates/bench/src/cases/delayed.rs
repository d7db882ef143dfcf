//! Jobs that all become due at one moment.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, ensure};
use infra_redis::engine::JobOptions;
use serde_json::json;

use crate::report::{Report, rounded};
use crate::setup::{Deed, PROGRAM, Setup, unix_millis};

/// The window opens this long before they are due.
const BEFORE: f64 = 20.0;

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let due = unix_millis() + setup.environment.delay.as_secs_f64() * 1e3;
    setup
        .preload(jobs, |_| JobOptions {
            delay: until(due).max(Duration::from_millis(1)),
            ..JobOptions::default()
        })
        .await?;
    ensure!(
        unix_millis() < due - BEFORE,
        "the jobs were due before they were all loaded: make BENCH_DELAY_MS more than {:?}",
        setup.environment.delay
    );
    let first = Arc::new(OnceLock::new());
    let started = Arc::clone(&first);
    let worker = setup
        .worker(jobs, jobs, move |_| {
            started.get_or_init(unix_millis);
            Deed::Done
        })
        .await?;
    let worker = worker.start();
    tokio::time::sleep(until(due - BEFORE)).await;
    let window = setup.window().await?;
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "delayed",
        jobs,
        measured,
        extras: json!({"first_late_ms": first.get().map(|first| rounded(first - due))}),
        fault: worker.stop(jobs, 1).await,
    })
}

/// The whole milliseconds until then.
fn until(moment: f64) -> Duration {
    Duration::from_secs_f64(((moment - unix_millis()).max(0.0)).round() / 1e3)
}
