//! How long a worker takes until all its slots are busy.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;
use tokio::sync::Notify;

use crate::report::Report;
use crate::setup::{Deed, PROGRAM, Setup};
use crate::times::millis;

/// Jobs run longer than is waited for them, so that none makes room for another.
const LONG: Duration = Duration::from_secs(120);

/// How long is waited for the slots to be busy.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let slots = setup.environment.concurrency;
    setup.preload(slots, |_| JobOptions::default()).await?;
    let starts = Arc::new(Mutex::new(Vec::with_capacity(slots)));
    let all = Arc::new(Notify::new());
    let (noted, told) = (Arc::clone(&starts), Arc::clone(&all));
    let worker = setup
        .worker(slots, slots, move |_| {
            let mut starts = noted.lock().unwrap_or_else(PoisonError::into_inner);
            starts.push(Instant::now());
            if starts.len() == slots {
                told.notify_one();
            }
            Deed::Takes(LONG)
        })
        .await?;
    let window = setup.window().await?;
    let start = Instant::now();
    let worker = worker.start();
    // Whether all were busy in time is told by what stands in the list.
    let _ = tokio::time::timeout(PATIENCE, all.notified()).await;
    let measured = window.close(&mut setup.server).await?;
    let fault = worker.break_off(slots).await;
    let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
    let since = |at: &Instant| millis(at.duration_since(start));
    Ok(Report {
        program: PROGRAM,
        case: "ramp",
        jobs: slots,
        measured,
        extras: json!({
            "first_ms": starts.first().map(since),
            "all_ms": starts.get(slots - 1).map(since),
        }),
        fault,
    })
}
