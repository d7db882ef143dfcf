//! Jobs that fail twice and then complete.

use anyhow::Result;
use infra_redis::engine::{Backoff, JobOptions};
use serde_json::json;

use crate::report::Report;
use crate::setup::{Deed, PROGRAM, Setup};

const ATTEMPTS: u32 = 3;

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let options = JobOptions {
        attempts: ATTEMPTS,
        backoff: Some(Backoff::fixed(setup.environment.backoff)),
        ..JobOptions::default()
    };
    setup.preload(jobs, |_| options.clone()).await?;
    let worker = setup
        .worker(jobs, jobs, |job| {
            if job.attempt < ATTEMPTS {
                Deed::Fails
            } else {
                Deed::Done
            }
        })
        .await?;
    let window = setup.window().await?;
    let worker = worker.start();
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "retry",
        jobs,
        measured,
        extras: json!({"attempts": ATTEMPTS}),
        fault: worker.stop(jobs, ATTEMPTS).await,
    })
}
