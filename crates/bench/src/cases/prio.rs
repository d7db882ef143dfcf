//! A worker and many prioritized jobs, of which it works some.

use std::time::Instant;

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;

use crate::report::Report;
use crate::setup::{Deed, PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let depth = setup.environment.depth;
    let jobs = setup.environment.jobs_of_depth();
    setup.preload(depth, prioritized).await?;
    let worker = setup.worker(depth, jobs, |_| Deed::Done).await?;
    let window = setup.window().await?;
    let start = Instant::now();
    let worker = worker.start();
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    let mut extras = worker.completions.pace(start);
    extras["depth"] = json!(depth);
    Ok(Report {
        program: PROGRAM,
        case: "prio",
        jobs,
        measured,
        extras,
        fault: worker.stop(jobs, 1).await,
    })
}

/// Loads them only, for runs that share them.
pub(super) async fn load(mut setup: Setup) -> Result<Report> {
    let depth = setup.environment.depth;
    let before = setup.counts().await?.prioritized;
    let window = setup.window().await?;
    setup.preload(depth, prioritized).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "prioload",
        jobs: depth,
        measured,
        extras: json!({"depth": depth}),
        fault: super::add::miscount(setup.counts().await?.prioritized - before, depth),
    })
}

/// Ten priorities in turn, so that neighbours differ.
fn prioritized(i: usize) -> JobOptions {
    JobOptions {
        priority: u32::try_from(1 + (i * 7) % 10).expect("it is from 1 to 10"),
        ..JobOptions::default()
    }
}
