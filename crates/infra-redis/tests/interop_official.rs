//! BullMQ's own client for Rust, the crate `bullmq-official`, on the same queues.
//!
//! Needs the program of `tests/interop/official`, which `scripts/test` builds into
//! `target/interop-official`: its dependencies are none of this workspace's.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{Backoff, Claimed, JobError, JobId, JobOptions};
use serde_json::{Value, json};
use support::{TestQueue, telling};
use testkit::peer::{Make, Peer};
use testkit::valkey::shared_url;

/// A queue, and the other client on it; nothing where that is not built.
async fn with_official() -> Option<(TestQueue, Peer)> {
    if !Make::Official.is_installed() {
        return None;
    }
    let test = TestQueue::new().await;
    let url = shared_url().await;
    let official = Peer::start(Make::Official, &url, test.id.prefix(), test.id.name());
    Some((test, official.unwrap()))
}

#[tokio::test]
async fn the_official_crate_reads_and_works_what_was_added_here() {
    let Some((test, mut official)) = with_official().await else {
        return;
    };
    let data = json!({"text": "schöne Grüße 🐑"});
    let add = async |name, options| test.queue.add(name, &data, &options).await.unwrap();
    let plain = add("greet", JobOptions::default()).await;
    let urgent = JobOptions {
        id: Some(JobId::parse("urgent-1").unwrap()),
        priority: 5,
        attempts: 3,
        backoff: Some(Backoff::exponential(Duration::from_secs(1))),
        ..JobOptions::default()
    };
    let urgent = add("urgent", urgent).await;
    let failing = add("fails", JobOptions::default()).await;
    let later = JobOptions {
        delay: Duration::from_secs(3600),
        ..JobOptions::default()
    };
    add("later", later).await;

    let counts = official.ask(&json!({"ask": "counts"})).await.unwrap();
    assert_eq!(counts["waiting"], 2, "{counts}");
    assert_eq!(
        (&counts["prioritized"], &counts["delayed"]),
        (&json!(1), &json!(1))
    );
    let read = official.ask(&json!({"ask": "job", "id": urgent}));
    let read = read.await.unwrap();
    assert_eq!(read["name"], "urgent");
    assert_eq!(read["data"], data);
    assert_eq!(read["state"], "Prioritized");
    assert_eq!(read["opts"]["priority"], 5);
    assert_eq!(read["opts"]["attempts"], 3);

    official.ask(&json!({"ask": "work"})).await.unwrap();
    let completed = test.finished(&urgent).await;
    let failed = test.finished(&failing).await;
    let worked = official.ask(&json!({"ask": "stop"})).await.unwrap();
    assert_eq!(worked, json!([plain, failing, urgent]));
    let value: Value = serde_json::from_str(&completed.return_value.unwrap()).unwrap();
    assert_eq!(value, json!({"by": "official", "data": data}));
    let reason = failed.failed_reason.unwrap();
    assert!(reason.contains("it broke over there"), "{reason}");
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.failed, counts.delayed), (2, 1, 1));
}

#[tokio::test]
async fn what_the_official_crate_added_is_worked_here_and_read_there() {
    let Some((test, mut official)) = with_official().await else {
        return;
    };
    let data = json!({"text": "schöne Grüße 🐑"});
    let jobs = json!([
        {"name": "greet", "data": data},
        {"name": "urgent", "data": data, "opts": {"priority": 2, "attempts": 2}},
        {"name": "later", "data": data, "opts": {"delay": 50}},
        {"name": "fails", "data": data, "opts": {"jobId": "mine"}},
    ]);
    let ids = official.ask(&json!({"ask": "add", "jobs": jobs}));
    let ids: Vec<String> = serde_json::from_value(ids.await.unwrap()).unwrap();
    assert_eq!(ids[3], "mine");
    let (processor, _told) = telling(async |job: Claimed<Value>, _| match job.name.as_str() {
        "fails" => Err(JobError::permanent("es ging schief: ü")),
        _ => Ok(json!({"echo": job.data})),
    });
    let worker = test.work(processor).await;
    for id in &ids {
        test.finished(id).await;
    }
    worker.stop(Duration::from_secs(5)).await;

    let mut read = async |id: &str| {
        let job = official.ask(&json!({"ask": "job", "id": id}));
        job.await.unwrap()
    };
    for id in &ids[..3] {
        let job = read(id).await;
        assert_eq!(job["state"], "Completed", "{job}");
        let value: Value = serde_json::from_str(job["returnvalue"].as_str().unwrap()).unwrap();
        assert_eq!(value, json!({"echo": data}));
    }
    let job = read("mine").await;
    assert_eq!(job["state"], "Failed", "{job}");
    assert_eq!(job["failed_reason"], "es ging schief: ü");
    let counts = official.ask(&json!({"ask": "counts"})).await.unwrap();
    assert_eq!(
        (&counts["completed"], &counts["failed"]),
        (&json!(3), &json!(1))
    );
}
