//! BullMQ's own Node client on the same queues: it reads what this engine left, works what this
//! engine added, and adds what this engine works.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{
    Backoff, Claimed, JobError, JobId, JobOptions, Keep, NewJob, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, quick, telling};
use testkit::program::eventually;
use testkit::valkey::shared_url;

async fn bullmq(command: &str, test: &TestQueue, count: usize) -> Value {
    let id = test.id.to_string();
    let (prefix, name) = id.rsplit_once(':').unwrap();
    let url = shared_url().await;
    testkit::bullmq::run(command, &url, prefix, name, count)
        .await
        .unwrap()
}

/// One job of each kind, as this engine adds them.
fn every_kind() -> Vec<NewJob<'static, Value>> {
    let job = |name, data, options| NewJob {
        name,
        data,
        options,
    };
    let id = |id| Some(JobId::parse(id).unwrap());
    vec![
        job(
            "plain",
            json!({"text": "schöne Grüße"}),
            JobOptions::default(),
        ),
        job(
            "prioritized",
            json!([1, 2]),
            JobOptions {
                priority: 3,
                ..JobOptions::default()
            },
        ),
        job(
            "delayed",
            json!(null),
            JobOptions {
                delay: Duration::from_secs(3600),
                ..JobOptions::default()
            },
        ),
        job(
            "custom",
            json!("data"),
            JobOptions {
                id: id("0199f3a2-7c01-7abc-8def-0123456789ab"),
                attempts: 5,
                backoff: Some(Backoff::exponential(Duration::from_secs(1))),
                keep_completed: Some(Keep::Newest(100)),
                keep_failed: Some(Keep::Newest(50)),
                ..JobOptions::default()
            },
        ),
    ]
}

fn job<'a>(read: &'a Value, name: &str) -> &'a Value {
    let jobs = read["jobs"].as_array().unwrap();
    let found = jobs.iter().find(|job| job["name"] == name);
    found.unwrap_or_else(|| panic!("no job {name} in {read:#}"))
}

#[tokio::test]
async fn node_reads_every_job_that_was_added_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let ids = test.queue.add_bulk(&every_kind()).await.unwrap();
    let read = bullmq("read", &test, 0).await;

    assert_eq!(read["jobs"].as_array().unwrap().len(), ids.len());
    let plain = job(&read, "plain");
    assert_eq!(plain["id"], "1");
    assert_eq!(plain["state"], "waiting");
    assert_eq!(plain["data"], json!({"text": "schöne Grüße"}));
    assert_eq!(plain["opts"]["attempts"], 0);
    assert!(plain["timestamp"].is_u64());
    let prioritized = job(&read, "prioritized");
    assert_eq!(
        (&prioritized["state"], &prioritized["priority"]),
        (&json!("prioritized"), &json!(3))
    );
    let delayed = job(&read, "delayed");
    assert_eq!(
        (&delayed["state"], &delayed["delay"]),
        (&json!("delayed"), &json!(3_600_000))
    );
    assert_eq!(delayed["data"], json!(null));
    let custom = job(&read, "custom");
    assert_eq!(custom["id"], "0199f3a2-7c01-7abc-8def-0123456789ab");
    assert_eq!(custom["opts"]["jobId"], custom["id"]);
    assert_eq!(
        custom["opts"]["backoff"],
        json!({"type": "exponential", "delay": 1000})
    );
    assert_eq!(custom["opts"]["removeOnComplete"], 100);
    let counts = json!({
        "active": 0, "completed": 0, "delayed": 1, "failed": 0, "prioritized": 1, "waiting": 2,
        "waiting-children": 0
    });
    assert_eq!(read["counts"], counts);
    assert_eq!(read["meta"]["opts.maxLenEvents"], "10000");
}

#[tokio::test]
async fn node_reads_every_job_that_was_worked_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| match job.name.as_str() {
        "fails" => Err(JobError::permanent("it broke")),
        "retries" => Err(JobError::transient("not now")),
        _ => Ok(json!({"done": job.data})),
    });
    let named = WorkerSettings {
        name: Some("rust".to_owned()),
        ..quick()
    };
    let worker = test.work_with(processor, named).await;
    let retrying = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::fixed(Duration::from_secs(3600))),
        ..JobOptions::default()
    };
    test.queue
        .add("retries", &json!(1), &retrying)
        .await
        .unwrap();
    let failing = test
        .queue
        .add("fails", &json!(2), &JobOptions::default())
        .await
        .unwrap();
    let done = test
        .queue
        .add("completes", &json!(3), &JobOptions::default())
        .await
        .unwrap();
    test.finished(&failing).await;
    test.finished(&done).await;
    worker.stop(Duration::from_secs(5)).await;
    test.add(json!("left")).await;

    let read = bullmq("read", &test, 0).await;
    let completed = job(&read, "completes");
    assert_eq!(completed["state"], "completed");
    assert_eq!(completed["returnvalue"], json!({"done": 3}));
    assert_eq!(
        (&completed["attemptsMade"], &completed["attemptsStarted"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(completed["processedBy"], "rust");
    assert!(completed["finishedOn"].as_u64() >= completed["processedOn"].as_u64());
    let failed = job(&read, "fails");
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["failedReason"], "it broke");
    assert_eq!(failed["stacktrace"], json!(["Error: it broke"]));
    let retried = job(&read, "retries");
    assert_eq!(retried["state"], "delayed");
    assert_eq!(retried["failedReason"], "not now");
    assert_eq!(
        (&retried["attemptsMade"], &retried["delay"]),
        (&json!(1), &json!(3_600_000))
    );
    assert_eq!(job(&read, "job")["state"], "waiting");
}

#[tokio::test]
async fn node_works_what_was_added_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let mut jobs = every_kind();
    jobs.retain(|job| job.name != "delayed");
    test.queue.add_bulk(&jobs).await.unwrap();
    let worked = bullmq("work", &test, jobs.len()).await;
    let names: Vec<_> = worked["seen"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["name"])
        .collect();
    assert_eq!(names, ["plain", "custom", "prioritized"]);
    let custom = test.finished("0199f3a2-7c01-7abc-8def-0123456789ab").await;
    assert_eq!(custom.return_value.as_deref(), Some(r#"{"echoed":"data"}"#));
    assert_eq!(custom.attempts_made, 1);
}

#[tokio::test]
async fn what_node_added_is_worked_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let added = bullmq("add", &test, 0).await;
    let ids: Vec<_> = added["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    let (processor, mut told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let worker = test.work(processor).await;
    eventually("Node's jobs to complete", || async {
        (test.queue.counts().await.ok()?.completed == 5).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
    let mut worked = Vec::new();
    while let Ok(job) = told.try_recv() {
        worked.push(job);
    }
    worked.sort_by_key(|job| job.data["n"].as_u64());
    let worked_ids: Vec<_> = worked.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(worked_ids, ids);
    assert_eq!(worked[0].data["text"], "schöne Grüße");

    let read = bullmq("read", &test, 0).await;
    assert_eq!(read["counts"]["completed"], 5);
    let version = read["meta"]["version"].as_str().unwrap();
    assert!(version.starts_with("bullmq:6."), "{version}");
}
