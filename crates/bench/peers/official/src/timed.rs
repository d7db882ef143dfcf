//! Cases that tell how long jobs wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bullmq::Job;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::report::{Report, rounded};
use crate::schedule::Schedule;
use crate::setup::{Setup, completed, join, report, unix_millis};
use crate::times::percentile;

pub(crate) async fn latency(mut setup: Setup) -> Result<Report> {
    let (jobs, rate) = (setup.environment.jobs, setup.environment.rate);
    let starts = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let noted = Arc::clone(&starts);
    let worker = setup.worker(move |job: Job, _| {
        let i = job.data()["i"].as_u64().unwrap_or_default() as usize;
        let start = (job.id().to_owned(), i, Instant::now());
        noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(start);
        async { Ok(Value::Null) }
    });
    let worker = worker.await?;
    let work = tokio::spawn(async move { completed(&worker, jobs).await });
    tokio::time::sleep(setup.environment.settle).await;
    let window = setup.window().await?;
    let mut adds = JoinSet::new();
    let data = setup.data();
    let schedule = Schedule::keep(rate, jobs, |job| {
        let (queue, data) = (setup.queue.clone(), data(job));
        adds.spawn(async move {
            queue.add("job", data).await?;
            Ok(())
        });
    });
    let schedule = schedule.await;
    join(adds).await?;
    let moments = work.await??;
    let measured = window.close(&mut setup.server).await?;
    let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
    let numbers: HashMap<_, _> = starts.iter().map(|(id, i, _)| (id.as_str(), *i)).collect();
    let started: Vec<_> = starts.iter().map(|(_, i, then)| (*i, *then)).collect();
    let ended = moments.iter();
    let ended: Vec<_> = ended
        .map(|(id, then)| (numbers[id.as_str()], *then))
        .collect();
    let extras = schedule.times(&started, &ended);
    Ok(report("latency", jobs, measured, extras))
}

pub(crate) async fn delayed(mut setup: Setup) -> Result<Report> {
    let jobs = setup.environment.jobs;
    let due = unix_millis() + setup.environment.delay.as_secs_f64() * 1e3;
    let with_delay = |job: bullmq::BulkJob, _| job.delay(until(due).max(Duration::from_millis(1)));
    setup.preload(jobs, with_delay).await?;
    ensure!(
        unix_millis() < due - 20.0,
        "the jobs were due before they were all loaded"
    );
    let first = Arc::new(OnceLock::new());
    let started = Arc::clone(&first);
    let worker = setup.worker(move |_, _| {
        started.get_or_init(unix_millis);
        async { Ok(Value::Null) }
    });
    let worker = worker.await?;
    let work = tokio::spawn(async move { completed(&worker, jobs).await });
    tokio::time::sleep(until(due - 20.0)).await;
    let window = setup.window().await?;
    work.await??;
    let measured = window.close(&mut setup.server).await?;
    let extras = json!({"first_late_ms": first.get().map(|first| rounded(first - due))});
    Ok(report("delayed", jobs, measured, extras))
}

pub(crate) async fn delaylat(mut setup: Setup) -> Result<Report> {
    let (jobs, rate) = (setup.environment.jobs, setup.environment.rate);
    let late = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let noted = Arc::clone(&late);
    let worker = setup.worker(move |job: Job, _| {
        let due = job.timestamp() + job.opts().delay.unwrap_or_default();
        let late = unix_millis().floor() - due as f64;
        noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(late);
        async { Ok(Value::Null) }
    });
    let worker = worker.await?;
    let work = tokio::spawn(async move { completed(&worker, jobs).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let window = setup.window().await?;
    let mut adds = JoinSet::new();
    let data = setup.data();
    for i in 0..jobs {
        let (queue, data) = (setup.queue.clone(), data(i));
        let delay = Duration::from_millis(500 + (i * 1000 / rate) as u64);
        adds.spawn(async move {
            queue.add("job", data).delay(delay).await?;
            Ok(())
        });
    }
    join(adds).await?;
    work.await??;
    let measured = window.close(&mut setup.server).await?;
    let late = late.lock().unwrap_or_else(PoisonError::into_inner);
    let extras = json!({
        "offered": rate,
        "late_p50_ms": percentile(&late, 0.5),
        "late_p99_ms": percentile(&late, 0.99),
    });
    Ok(report("delaylat", jobs, measured, extras))
}

fn until(moment: f64) -> Duration {
    Duration::from_secs_f64(((moment - unix_millis()).max(0.0)).round() / 1e3)
}
