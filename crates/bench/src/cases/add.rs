//! Single adds, some of them under way at a time.

use anyhow::Result;
use serde_json::json;

use crate::report::Report;
use crate::setup::{PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let before = setup.counts().await?.waiting;
    let window = setup.window().await?;
    setup.add_all().await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "add",
        jobs,
        measured,
        extras: json!({}),
        fault: miscount(setup.counts().await?.waiting - before, jobs),
    })
}

/// What is wrong, if not as many jobs were added as should have been.
pub(super) fn miscount(added: u64, jobs: usize) -> Option<String> {
    (added != jobs as u64).then(|| format!("{added} jobs were added, not {jobs}"))
}
