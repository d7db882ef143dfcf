//! Workers that stop, and what becomes of the jobs they have.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::{Duration, Instant};

use infra_redis::engine::{
    Backoff, Claimed, JobContext, JobError, JobOptions, Reply, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, echo, next, quick, telling};

#[tokio::test]
async fn a_stop_lets_running_jobs_end_within_the_grace_period() {
    let test = TestQueue::new().await;
    let (processor, mut told) = telling(async |job: Claimed<Value>, _| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(job.data)
    });
    let worker = test.work(processor).await;
    let (first, second) = (test.add(json!(1)).await, test.add(json!(2)).await);
    next(&mut told).await;
    let report = worker.stop(Duration::from_secs(10)).await;
    assert_eq!(
        (report.finished, report.handed_back, report.abandoned),
        (1, 0, 0)
    );
    assert!(
        test.queue
            .job(&first)
            .await
            .unwrap()
            .unwrap()
            .finished_on
            .is_some()
    );
    let waiting = test.queue.job(&second).await.unwrap().unwrap();
    assert_eq!((waiting.finished_on, waiting.attempts_started), (None, 0));
}

#[tokio::test]
async fn a_stop_hands_back_what_can_not_end_at_once_and_uncounted() {
    let test = TestQueue::new().await;
    let (processor, mut told) = telling(async |_, context: JobContext| {
        context.cancelled().await;
        std::future::pending::<()>().await;
        Ok(json!(null))
    });
    let settings = WorkerSettings {
        concurrency: 2,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let ids = [
        test.add(json!(1)).await,
        test.add(json!(2)).await,
        test.add(json!(3)).await,
    ];
    next(&mut told).await;
    next(&mut told).await;

    let started = Instant::now();
    let report = worker.stop(Duration::from_millis(100)).await;
    assert!(
        started.elapsed() < Duration::from_millis(1100),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        (report.finished, report.handed_back, report.abandoned),
        (0, 2, 0)
    );

    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.active), (3, 0));
    for id in &ids[..2] {
        assert_eq!(test.queue.job(id).await.unwrap().unwrap().attempts_made, 0);
        assert_eq!(
            test.on("EXISTS", &format!("{id}:lock"), &[]).await,
            Reply::Int(0)
        );
    }
    // They are the next to run, before the one that never started.
    let (processor, mut told) = echo();
    let worker = test.work(processor).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(next(&mut told).await.id);
    }
    assert_eq!(order[2], ids[2]);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_attempt_that_ends_because_it_is_told_to_has_not_failed() {
    let test = TestQueue::new().await;
    let (processor, mut told) = telling(async |_, context: JobContext| {
        context.cancelled().await;
        Err(JobError::transient("the job was taken from this worker"))
    });
    let worker = test.work(processor).await;
    let options = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::fixed(Duration::from_secs(60))),
        ..JobOptions::default()
    };
    let id = test.queue.add("job", &json!(1), &options).await.unwrap();
    next(&mut told).await;
    let report = worker.stop(Duration::from_millis(10)).await;
    assert_eq!((report.finished, report.handed_back), (0, 1));
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.delayed), (1, 0));
    assert_eq!(test.queue.job(&id).await.unwrap().unwrap().attempts_made, 0);
}
