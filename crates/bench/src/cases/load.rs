//! Jobs for runs that share them.

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;

use super::add::miscount;
use crate::report::Report;
use crate::setup::{PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let before = setup.counts().await?.waiting;
    let window = setup.window().await?;
    setup.preload(jobs, |_| JobOptions::default()).await?;
    let measured = window.close(&mut setup.server).await?;
    Ok(Report {
        program: PROGRAM,
        case: "load",
        jobs,
        measured,
        extras: json!({}),
        fault: miscount(setup.counts().await?.waiting - before, jobs),
    })
}
