//! A primary with a replica and three sentinels: what becomes of jobs when the primary dies, and when
//! it stops being one.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use infra_redis::engine::{Claimed, JobId, JobOptions, WorkerSettings};
use serde_json::{Value, json};
use support::{TestQueue, quick, telling};
use testkit::program::eventually;
use testkit::valkey::ReplicatedValkey;

type Done = Arc<Mutex<HashSet<u64>>>;

/// A worker that remembers which jobs it has done.
async fn remembering(queue: &TestQueue) -> (infra_redis::engine::WorkerHandle, Done) {
    let done = Done::default();
    let doing = Arc::clone(&done);
    let (processor, _told) = telling(move |job: Claimed<Value>, _| {
        doing.lock().unwrap().insert(job.data.as_u64().unwrap());
        std::future::ready(Ok(json!(null)))
    });
    let settings = WorkerSettings {
        concurrency: 4,
        ..quick()
    };
    (queue.work_with(processor, settings).await, done)
}

/// Adds a job until Valkey has acknowledged it: an event's id makes that safe.
async fn add(queue: &TestQueue, number: u64) {
    let options = JobOptions {
        id: Some(JobId::parse(&format!("event-{number}")).unwrap()),
        ..JobOptions::default()
    };
    eventually("the job to be accepted", || async {
        queue.queue.add("job", &json!(number), &options).await.ok()
    })
    .await;
}

async fn until_done(done: &Done, count: usize) {
    eventually("the jobs to be done", || async {
        (done.lock().unwrap().len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn when_the_primary_dies_jobs_go_on_and_none_that_was_replicated_is_lost() {
    let mut valkey = ReplicatedValkey::start().await.unwrap();
    let queue = TestQueue::at(&valkey.url()).await;
    let (worker, done) = remembering(&queue).await;
    for number in 0..50 {
        add(&queue, number).await;
    }
    until_done(&done, 50).await;
    // These wait while the primary dies. What is not replicated may be lost; these are.
    queue.queue.pause().await.unwrap();
    for number in 50..100 {
        add(&queue, number).await;
    }
    valkey.until_replicated().await.unwrap();
    valkey.kill_primary().await.unwrap();
    let killed = Instant::now();

    // Accepted by the next primary, which has never seen the scripts.
    add(&queue, 100).await;
    let until_accepted = killed.elapsed();
    eventually("the queue to be resumed", || async {
        queue.queue.resume().await.ok()
    })
    .await;
    until_done(&done, 101).await;
    eventually("every job to be settled", || async {
        let counts = queue.queue.counts().await.ok()?;
        let left = counts.active + counts.waiting + counts.prioritized;
        (counts.completed == 101 && left == 0).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
    // The sentinels take a second to be sure and a moment to agree; the rest is ours.
    assert!(
        until_accepted < Duration::from_secs(20),
        "a new primary was in use only after {until_accepted:?}"
    );
}

#[tokio::test]
async fn a_primary_that_became_a_replica_under_its_connections_is_left_for_the_new_one() {
    let mut valkey = ReplicatedValkey::start().await.unwrap();
    let queue = TestQueue::at(&valkey.url()).await;
    let (worker, done) = remembering(&queue).await;
    add(&queue, 0).await;
    until_done(&done, 1).await;
    valkey.until_replicated().await.unwrap();
    valkey.demote_primary().await.unwrap();
    add(&queue, 1).await;
    until_done(&done, 2).await;
    worker.stop(Duration::from_secs(5)).await;
}
