//! Cases that go as fast as they can.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use tokio::task::JoinSet;

use super::{BATCH, Bare};
use crate::bare::lane::Lane;
use crate::report::Report;
use crate::runs::Runs;
use crate::setup::join;
use crate::times::pace;

pub(super) async fn add(mut bare: Bare) -> Result<Report> {
    let (jobs, outstanding) = (bare.environment.jobs, bare.environment.concurrency);
    let (lanes, batch) = bare.lanes(outstanding).await?;
    let window = bare.window().await?;
    add_all(lanes, jobs, batch).await?;
    let measured = bare.close(window).await?;
    Ok(bare.report("add", measured, json!({}), None))
}

pub(super) async fn addbulk(mut bare: Bare) -> Result<Report> {
    let (jobs, chunk) = (bare.environment.jobs, bare.environment.chunk);
    let mut lanes = Vec::new();
    for _ in 0..bare.environment.concurrency {
        lanes.push(bare.lane().await?);
    }
    let window = bare.window().await?;
    add_all(lanes, jobs, chunk).await?;
    let measured = bare.close(window).await?;
    Ok(bare.report("addbulk", measured, json!({"chunk": chunk}), None))
}

async fn add_all(lanes: Vec<Lane>, jobs: usize, batch: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut adding = JoinSet::new();
    for mut lane in lanes {
        let next = Arc::clone(&next);
        adding.spawn(async move {
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= jobs {
                    return Ok(());
                }
                lane.add(first..jobs.min(first + batch)).await?;
            }
        });
    }
    join(adding).await
}

pub(super) async fn process(mut bare: Bare) -> Result<Report> {
    let jobs = bare.environment.jobs;
    bare.preload().await?;
    let (lanes, batch) = bare.lanes(bare.held()).await?;
    let batch = batch.min(BATCH);
    let runs = Arc::new(Runs::of(jobs));
    let moments = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let mut working = JoinSet::new();
    let window = bare.window().await?;
    let start = Instant::now();
    for mut lane in lanes {
        let (runs, moments) = (Arc::clone(&runs), Arc::clone(&moments));
        working.spawn(async move {
            let mut held = Vec::new();
            loop {
                let fetched = lane.settle_and_fetch(&held, batch).await?;
                let now = Instant::now();
                moments
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(held.iter().map(|_| now));
                if fetched.is_empty() {
                    return Ok(());
                }
                for job in &fetched {
                    runs.note(job.i);
                }
                held = fetched;
            }
        });
    }
    join(working).await?;
    let measured = bare.close(window).await?;
    let moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
    let pace = pace(&moments, start);
    Ok(bare.report("process", measured, pace, Some(&runs)))
}
