//! Jobs added on schedule, and how long each takes to its start and to its completion.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use infra_redis::engine::JobOptions;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::schedule::Schedule;
use crate::setup::{Deed, JOB, PROGRAM, Setup, join};

/// Which job started when, in order.
type Starts = Arc<Mutex<Vec<(usize, Instant)>>>;

pub(super) async fn run(mut setup: Setup) -> Result<Report> {
    let (jobs, rate) = (setup.environment.jobs, setup.environment.rate);
    let starts: Starts = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let noted = Arc::clone(&starts);
    let worker = setup
        .worker(jobs, jobs, move |job| {
            let start = (job.data.i, Instant::now());
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(start);
            Deed::Done
        })
        .await?;
    let worker = worker.start();
    tokio::time::sleep(setup.environment.settle).await;
    let window = setup.window().await?;
    let mut adds = JoinSet::new();
    let schedule = Schedule::keep(rate, jobs, |job| {
        let (queue, payload) = (setup.queue.clone(), setup.filler().payload(job));
        // Boxed, since it would be copied several times on its way to the runtime.
        adds.spawn(Box::pin(async move {
            queue.add(JOB, &payload, &JobOptions::default()).await?;
            Ok(())
        }));
    });
    let schedule = schedule.await;
    join(adds).await?;
    worker.completions.reached().await;
    let measured = window.close(&mut setup.server).await?;
    let completions = worker.completions.moments();
    let fault = worker.stop(jobs, 1).await;
    let started = starts.lock().unwrap_or_else(PoisonError::into_inner);
    // Attempts of no length are settled in the order in which they started, so the one that
    // completed as the tenth is the one that started as the tenth.
    let completed = started.iter().zip(completions);
    let completed: Vec<_> = completed.map(|((job, _), then)| (*job, then)).collect();
    Ok(Report {
        program: PROGRAM,
        case: "latency",
        jobs,
        measured,
        extras: schedule.times(&started, &completed),
        fault,
    })
}
