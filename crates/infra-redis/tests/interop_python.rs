//! BullMQ's own client for Python on the same queues.
//!
//! Needs `bullmq` of `PyPI` in `target/interop-python`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{Backoff, Claimed, JobContext, JobError, JobOptions, Keep};
use serde_json::{Value, json};
use support::{TestQueue, next, telling};
use testkit::peer::{Make, Peer};
use testkit::valkey::shared_url;

/// A queue, and Python's client on it; nothing where that is not installed.
async fn with_python() -> Option<(TestQueue, Peer)> {
    if !Make::Python.is_installed() {
        return None;
    }
    let test = TestQueue::new().await;
    let url = shared_url().await;
    let python = Peer::start(Make::Python, &url, test.id.prefix(), test.id.name()).unwrap();
    Some((test, python))
}

#[tokio::test]
async fn python_reads_counts_jobs_and_results_made_here() {
    let Some((test, mut python)) = with_python().await else {
        return;
    };
    let (processor, _told) = telling(async |job: Claimed<Value>, context: JobContext| {
        context.log("angefangen: ü").await.unwrap();
        context
            .update_progress(&json!({"done": 0.5}))
            .await
            .unwrap();
        match job.name.as_str() {
            "fails" => Err(JobError::permanent("es ging schief: ü")),
            _ => Ok(json!({"echo": job.data})),
        }
    });
    let worker = test.work(processor).await;
    let add = async |name, options: JobOptions| {
        let data = json!({"text": "schöne Grüße 🐑"});
        test.queue.add(name, &data, &options).await.unwrap()
    };
    let done = add("greet", JobOptions::default()).await;
    let failed = add("fails", JobOptions::default()).await;
    test.finished(&done).await;
    test.finished(&failed).await;
    worker.stop(Duration::from_secs(5)).await;
    let urgent = JobOptions {
        priority: 3,
        attempts: 4,
        backoff: Some(Backoff::exponential(Duration::from_secs(1))),
        keep_completed: Some(Keep::Newest(5)),
        keep_logs: Some(10),
        ..JobOptions::default()
    };
    let urgent = add("urgent", urgent).await;
    let later = JobOptions {
        delay: Duration::from_secs(3600),
        ..JobOptions::default()
    };
    let later = add("later", later).await;
    let waiting = add("waits", JobOptions::default()).await;
    test.queue.pause().await.unwrap();

    let counts = python.ask(&json!({"ask": "counts"})).await.unwrap();
    for state in ["waiting", "delayed", "prioritized", "completed", "failed"] {
        assert_eq!(counts[state], 1, "{counts}");
    }
    let jobs = python.ask(&json!({"ask": "jobs", "state": "waiting"}));
    assert_eq!(jobs.await.unwrap(), json!([waiting]));
    let mut job = async |id: &str| {
        let job = python.ask(&json!({"ask": "job", "id": id}));
        job.await.unwrap()
    };
    let read = job(&done).await;
    assert_eq!(read["state"], "completed");
    assert_eq!(read["data"], json!({"text": "schöne Grüße 🐑"}));
    assert_eq!(read["returnvalue"], json!({"echo": read["data"]}));
    assert_eq!(read["progress"], json!({"done": 0.5}));
    assert_eq!(
        (&read["attemptsMade"], &read["attemptsStarted"]),
        (&json!(1), &json!(1))
    );
    assert!(read["finishedOn"].as_u64() >= read["processedOn"].as_u64());
    let read = job(&failed).await;
    assert_eq!(read["state"], "failed");
    assert_eq!(read["failedReason"], "es ging schief: ü");
    assert_eq!(read["stacktrace"], json!(["Error: es ging schief: ü"]));
    let read = job(&urgent).await;
    assert_eq!(
        (&read["state"], &read["priority"]),
        (&json!("prioritized"), &json!(3))
    );
    let backoff = json!({"type": "exponential", "delay": 1000});
    assert_eq!(read["opts"]["backoff"], backoff);
    assert_eq!(read["opts"]["removeOnComplete"], 5);
    assert_eq!(read["opts"]["keepLogs"], 10);
    let read = job(&later).await;
    assert_eq!(
        (&read["state"], &read["delay"]),
        (&json!("delayed"), &json!(3_600_000))
    );
    let logs = python.ask(&json!({"ask": "logs", "id": done}));
    assert_eq!(logs.await.unwrap(), json!(["angefangen: ü"]));
}

#[tokio::test]
async fn what_python_added_is_worked_here() {
    let Some((test, mut python)) = with_python().await else {
        return;
    };
    let data = json!({"text": "schöne Grüße 🐑", "list": [1, 2.5, null]});
    let jobs = json!([
        {"name": "greet", "data": data},
        {"name": "urgent", "data": data, "opts": {"priority": 2, "attempts": 2, "backoff": 10}},
        {"name": "later", "data": data, "opts": {"delay": 50}},
        {"name": "mine", "data": data, "opts": {"jobId": "größe"}},
    ]);
    let ids = python.ask(&json!({"ask": "add", "jobs": jobs}));
    let ids: Vec<String> = serde_json::from_value(ids.await.unwrap()).unwrap();
    let (processor, mut told) = telling(async |job: Claimed<Value>, _| match job.attempt {
        1 if job.name == "urgent" => Err(JobError::transient("not yet")),
        _ => Ok(json!({"echo": job.data})),
    });
    let worker = test.work(processor).await;
    test.until_completed(4).await;
    worker.stop(Duration::from_secs(5)).await;
    let mut worked = Vec::new();
    // The urgent one twice.
    for _ in 0..5 {
        let job = next(&mut told).await;
        assert_eq!(job.data, data);
        worked.push(job.id);
    }
    worked.sort();
    worked.dedup();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(worked, sorted);
    assert_eq!(ids[3], "größe");
    // Python may keep no job that does not ask for it.
    let kept = test.queue.job(&ids[1]).await.unwrap();
    assert_eq!(kept.map(|job| job.attempts_made), Some(2));
}

#[tokio::test]
async fn python_works_what_was_added_here() {
    let Some((test, mut python)) = with_python().await else {
        return;
    };
    let data = json!({"text": "schöne Grüße 🐑"});
    let add = async |name| {
        let options = JobOptions::default();
        test.queue.add(name, &data, &options).await.unwrap()
    };
    let done = add("greet").await;
    let failing = add("fails").await;
    python.ask(&json!({"ask": "work"})).await.unwrap();
    let completed = test.finished(&done).await;
    let failed = test.finished(&failing).await;
    let worked = python.ask(&json!({"ask": "stop"})).await.unwrap();
    assert_eq!(
        worked,
        json!([
            {"id": done, "name": "greet", "data": data},
            {"id": failing, "name": "fails", "data": data},
        ])
    );
    let value = completed.return_value.as_deref().unwrap();
    let value: Value = serde_json::from_str(value).unwrap();
    assert_eq!(value, json!({"by": "python", "data": data}));
    assert_eq!(failed.failed_reason.as_deref(), Some("es ging schief: ü"));
    let traces: Vec<String> = serde_json::from_str(&failed.stack_traces.unwrap()).unwrap();
    assert!(traces[0].contains("Traceback"), "{traces:?}");
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (1, 1));
}
