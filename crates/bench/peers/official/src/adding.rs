//! Cases that add.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use bullmq::BulkJob;
use serde_json::json;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::setup::{Setup, join, report};

pub(crate) async fn add(mut setup: Setup) -> Result<Report> {
    let window = setup.window().await?;
    setup.add_all().await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(report("add", setup.environment.jobs, measured, json!({})))
}

pub(crate) async fn addbulk(mut setup: Setup) -> Result<Report> {
    let (jobs, chunk) = (setup.environment.jobs, setup.environment.chunk);
    let window = setup.window().await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..setup.environment.concurrency {
        let (queue, next, data) = (setup.queue.clone(), Arc::clone(&next), setup.data());
        lanes.spawn(async move {
            loop {
                let first = next.fetch_add(chunk, Ordering::Relaxed);
                if first >= jobs {
                    return Ok(());
                }
                let numbers = first..jobs.min(first + chunk);
                let bulk = numbers.map(|i| BulkJob::new("job", data(i)));
                queue.add_bulk(bulk.collect()).await?;
            }
        });
    }
    join(lanes).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(report("addbulk", jobs, measured, json!({"chunk": chunk})))
}
