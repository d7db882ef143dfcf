//! A worker and jobs that wait for it.

use std::time::Instant;

use anyhow::Result;
use infra_redis::engine::JobOptions;

use crate::report::Report;
use crate::setup::{Deed, PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let (jobs, work) = (setup.environment.jobs, setup.environment.work);
    setup.preload(jobs, |_| JobOptions::default()).await?;
    let worker = setup
        .worker(jobs, jobs, move |_| {
            if work.is_zero() {
                Deed::Done
            } else {
                Deed::Takes(work)
            }
        })
        .await?;
    let window = setup.window().await?;
    let start = Instant::now();
    let worker = worker.start();
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "process",
        jobs,
        measured,
        extras: worker.completions.pace(start),
        fault: worker.stop(jobs, 1).await,
    })
}
