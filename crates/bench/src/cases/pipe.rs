//! Adding and working at once, in one program.

use anyhow::Result;
use serde_json::json;

use crate::report::Report;
use crate::setup::{Deed, PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let worker = setup.worker(jobs, jobs, |_| Deed::Done).await?;
    let window = setup.window().await?;
    let worker = worker.start();
    setup.add_all().await?;
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "pipe",
        jobs,
        measured,
        extras: json!({}),
        fault: worker.stop(jobs, 1).await,
    })
}
