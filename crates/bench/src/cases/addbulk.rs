//! Jobs added in bulk, some bulks under way at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;
use tokio::task::JoinSet;

use super::add::miscount;
use crate::report::Report;
use crate::setup::{PROGRAM, Setup, join};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let (jobs, chunk) = (setup.environment.jobs, setup.environment.chunk);
    let before = setup.counts().await?.waiting;
    let window = setup.window().await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..setup.environment.concurrency {
        let (queue, next, filler) = (setup.queue.clone(), Arc::clone(&next), setup.filler());
        lanes.spawn(async move {
            loop {
                let first = next.fetch_add(chunk, Ordering::Relaxed);
                if first >= jobs {
                    return Ok(());
                }
                let bulk = filler.bulk(first..jobs.min(first + chunk), |_| JobOptions::default());
                queue.add_bulk(&bulk).await?;
            }
        });
    }
    join(lanes).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "addbulk",
        jobs,
        measured,
        extras: json!({"chunk": chunk}),
        fault: miscount(setup.counts().await?.waiting - before, jobs),
    })
}
