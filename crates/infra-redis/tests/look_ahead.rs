//! Jobs that a worker holds before it has a free slot for them.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use infra_redis::engine::{LookAhead, Processor, Reply, WorkerSettings};
use serde_json::json;
use support::{TestQueue, Told, next, quick, telling};
use testkit::program::eventually;
use tokio::sync::Semaphore;

fn holding(jobs: usize) -> WorkerSettings {
    WorkerSettings {
        concurrency: 1,
        look_ahead: LookAhead::Jobs(jobs),
        ..quick()
    }
}

/// A processor whose jobs end one for each permit that is added.
fn gated() -> (Arc<Semaphore>, impl Processor, Told) {
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let (processor, told) = telling(move |_, _| {
        let gate = Arc::clone(&at_gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(json!(null))
        }
    });
    (gate, processor, told)
}

/// Waits until the lock of a job is renewed.
async fn until_renewed(test: &TestQueue, lock: &str) {
    let left = async || match test.on("PTTL", lock, &[]).await {
        Reply::Int(left) => left,
        other => panic!("no time to live: {other:?}"),
    };
    let before = AtomicI64::new(left().await);
    eventually("a renewal", || async {
        let now = left().await;
        (now > before.swap(now, Ordering::Relaxed)).then_some(())
    })
    .await;
}

async fn ids(test: &TestQueue, list: &str) -> Vec<String> {
    match test.on("LRANGE", list, &["0", "-1"]).await {
        Reply::List(ids) => ids
            .into_iter()
            .map(|id| match id {
                Reply::Text(id) => id,
                other => panic!("not an id: {other:?}"),
            })
            .collect(),
        other => panic!("not ids: {other:?}"),
    }
}

async fn until_active(test: &TestQueue, count: u64) {
    eventually("the jobs to be active", || async {
        (test.queue.counts().await.unwrap().active == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_stops_gives_back_what_it_holds_in_its_order() {
    let test = TestQueue::new().await;
    let (gate, processor, mut told) = gated();
    for n in 0..8 {
        test.add(json!(n)).await;
    }
    let worker = test.work_with(processor, holding(3)).await;
    assert_eq!(next(&mut told).await.id, "1");
    until_active(&test, 4).await;

    worker.stop_claiming();
    // What was held is waiting again before the job at work has ended.
    until_active(&test, 1).await;
    gate.add_permits(1);
    let report = worker.stop(Duration::from_secs(5)).await;
    assert_eq!(
        (report.finished, report.handed_back, report.abandoned),
        (1, 3, 0)
    );
    assert_eq!(
        ids(&test, "wait").await,
        ["8", "7", "6", "5", "4", "3", "2"]
    );
    let job = test.queue.job("2").await.unwrap().unwrap();
    assert_eq!(job.attempts_made, 0);
    assert_eq!(test.on("EXISTS", "2:lock", &[]).await, Reply::Int(0));
}

#[tokio::test]
async fn the_locks_of_held_jobs_are_renewed() {
    let test = TestQueue::new().await;
    let (processor, mut told) = telling(async |_, _| {
        // Three of them take longer than a lock lives.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(json!(null))
    });
    for n in 0..5 {
        test.add(json!(n)).await;
    }
    let settings = WorkerSettings {
        lock_duration: Duration::from_millis(500),
        stalled_interval: Duration::from_millis(100),
        ..holding(4)
    };
    let worker = test.work_with(processor, settings).await;
    for n in 1..=5 {
        assert_eq!(next(&mut told).await.id, n.to_string());
    }
    test.until_completed(5).await;
    worker.stop(Duration::from_secs(5)).await;
    for n in 1..=5 {
        let job = test.queue.job(&n.to_string()).await.unwrap().unwrap();
        assert_eq!((job.stalls, job.attempts_started), (0, 1), "job {n}");
    }
}

#[tokio::test]
async fn a_job_whose_lock_is_lost_while_it_is_held_is_not_performed_here() {
    let test = TestQueue::new().await;
    let (gate, processor, mut told) = gated();
    for n in 0..3 {
        test.add(json!(n)).await;
    }
    let settings = WorkerSettings {
        lock_duration: Duration::from_millis(400),
        // Nobody takes the job over, so that whoever performs it can only be this worker.
        stalled_interval: Duration::from_secs(3600),
        ..holding(2)
    };
    let worker = test.work_with(processor, settings).await;
    assert_eq!(next(&mut told).await.id, "1");
    until_active(&test, 3).await;
    test.on("SET", "2:lock", &["another worker's"]).await;
    // The worker learns of it when it renews, and has learned it when it renews again.
    until_renewed(&test, "3:lock").await;
    until_renewed(&test, "3:lock").await;
    gate.add_permits(3);
    assert_eq!(next(&mut told).await.id, "3");
    test.until_completed(2).await;
    worker.stop(Duration::from_secs(5)).await;
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn without_look_ahead_each_job_finds_a_free_slot() {
    let test = TestQueue::new().await;
    let (gate, processor, mut told) = gated();
    for n in 0..20 {
        test.add(json!(n)).await;
    }
    let settings = WorkerSettings {
        concurrency: 3,
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    for _ in 0..20 {
        next(&mut told).await;
        assert!(test.queue.counts().await.unwrap().active <= 3);
        gate.add_permits(1);
    }
    test.until_completed(20).await;
    worker.stop(Duration::from_secs(5)).await;
}
