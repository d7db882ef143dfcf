//! How many bytes of the server's memory a waiting and a completed job take.

use anyhow::Result;
use infra_redis::engine::JobOptions;
use serde_json::json;

use crate::environment::Keep;
use crate::report::Report;
use crate::server::number;
use crate::setup::{Deed, JOB, PROGRAM, Setup};

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    setup.environment.keep = Keep::All;
    let jobs = setup.environment.jobs;
    // The first job brings the queue's own keys, which are not to be counted.
    let first = setup.filler().payload(jobs);
    setup.queue.add(JOB, &first, &JobOptions::default()).await?;
    let empty = memory(&mut setup).await?;
    setup.preload(jobs, |_| JobOptions::default()).await?;
    let waiting = memory(&mut setup).await?;
    let worker = setup.worker(jobs + 1, jobs + 1, |_| Deed::Done).await?;
    let window = setup.window().await?;
    let worker = worker.start();
    worker.completions.reached().await;
    let completed = memory(&mut setup).await?;
    let measured = window.close(&mut setup.server).await?;
    let each = |bytes: f64| ((bytes - empty) / jobs as f64).round();
    Ok(Report {
        program: PROGRAM,
        case: "memory",
        jobs,
        measured,
        extras: json!({
            "bytes_per_waiting": each(waiting),
            "bytes_per_completed": each(completed),
        }),
        fault: worker.stop(jobs + 1, 1).await,
    })
}

/// The bytes in use without the stream of events, whose length has a limit and so is no job's.
async fn memory(setup: &mut Setup) -> Result<f64> {
    let events = format!("bull:{}:events", setup.environment.queue);
    setup
        .server
        .send(&["XTRIM", &events, "MAXLEN", "0"])
        .await?;
    number(
        &setup.server.send(&["INFO", "memory"]).await?,
        "used_memory",
    )
}
