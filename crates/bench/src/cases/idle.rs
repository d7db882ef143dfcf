//! What a worker costs the server that has nothing to do, and how fast it wakes.

use std::time::Duration;

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;

use crate::report::{Report, rounded};
use crate::setup::{Deed, JOB, PROGRAM, Setup};

/// How long an idle worker is watched: it looks around on its own less than once in ten seconds.
const WATCHED: Duration = Duration::from_secs(60);

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let worker = setup.worker(1, 1, |_| Deed::Done).await?;
    let worker = worker.start();
    // The first looks are over by then.
    tokio::time::sleep(setup.environment.settle).await;
    let window = setup.window().await?;
    tokio::time::sleep(WATCHED).await;
    let measured = window.close(&mut setup.server).await?;
    let commands: u64 = measured.calls.values().sum();
    let per_minute = commands as f64 / measured.seconds * 60.0;
    let job = setup.filler().payload(0);
    setup.queue.add(JOB, &job, &JobOptions::default()).await?;
    worker.completions.reached().await;
    Ok(Report {
        program: PROGRAM,
        case: "idle",
        jobs: 1,
        measured,
        extras: json!({"commands_per_minute": rounded(per_minute)}),
        fault: worker.stop(1, 1).await,
    })
}
