//! BullMQ's own Node client on the same stream. Needs what `scripts/test` installs.

use std::time::Duration;

use infra_redis::engine::{Claimed, JobContext, JobError, QueueEvent, ReadFrom, WorkerSettings};
use serde_json::{Value, json};
use testkit::valkey::shared_url;

use crate::support::{TestQueue, telling};
use crate::{added, open, told_many, waiting};

async fn node(command: &str, test: &TestQueue, count: usize) -> Value {
    let id = test.id.to_string();
    let (prefix, name) = id.rsplit_once(':').unwrap();
    let url = shared_url().await;
    testkit::bullmq::run_file("events.js", command, &url, prefix, name, count)
        .await
        .unwrap()
}

/// C-32, C-44.
#[tokio::test]
async fn node_hears_of_ten_thousand_jobs_that_were_worked_here() {
    const JOBS: usize = 10_000;
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, context: JobContext| {
        let n = job.data["n"].as_u64().unwrap_or_default();
        Ok(match (job.name.as_str(), n % 10) {
            ("fails", _) => return Err(JobError::permanent("it broke")),
            ("nothing", _) | (_, 1) => json!(null),
            ("last", _) => json!({"echoed": job.data}),
            (_, 2) => json!("text with \"quotes\", \u{1f600} and \u{0}"),
            (_, 3) => json!(n),
            (_, 4) => {
                context.update_progress(&json!([n, "…"])).await.unwrap();
                json!([])
            }
            _ => job.data,
        })
    });
    let settings = WorkerSettings {
        concurrency: 50,
        lock_duration: Duration::from_secs(30),
        ..WorkerSettings::default()
    };
    let worker = test.work_with(processor, settings).await;
    let seen = node("watch", &test, JOBS).await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(seen["errors"], json!([]));
    assert!(
        seen["completed"].as_u64().unwrap() >= JOBS as u64,
        "{seen:#}"
    );
    assert_eq!(seen["progress"], 1000);
    assert_eq!(seen["value"], json!({"echoed": {"text": "schöne Grüße"}}));
    assert_eq!(seen["reason"], "it broke");
    assert_eq!(seen["nil"], json!(null));
}

#[tokio::test]
async fn what_node_does_is_told_here_and_the_reverse() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let mut events = open(&test, ReadFrom::Now).await;
    let done = node("administer", &test, 0).await;
    let id = done["id"].as_str().unwrap();
    let owned = |text: &str| text.to_owned();
    let expected = [
        added(id, "job"),
        waiting(id, None),
        QueueEvent::Progress {
            job_id: owned(id),
            data: owned(r#"{"half":true}"#),
        },
        QueueEvent::Removed {
            job_id: owned(id),
            previous: Some(owned("wait")),
        },
        QueueEvent::Paused,
        QueueEvent::Cleaned { count: 0 },
        QueueEvent::Resumed,
        QueueEvent::Custom {
            name: owned("greeted"),
            fields: vec![(owned("who"), owned("Ada"))],
        },
    ];
    assert_eq!(told_many(&mut events, expected.len()).await, expected);

    test.on("DEL", "events", &[]).await;
    let fields = [("who", "Grace")];
    let published = test.queue.publish_event("greeted", &fields, None).await;
    let heard = node("hear", &test, 0).await;
    assert_eq!(heard["id"], published.unwrap().to_string());
    assert_eq!(heard["fields"]["who"], "Grace");
}
