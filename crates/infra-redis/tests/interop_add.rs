//! Jobs that BullMQ's own Node client adds and the same jobs added here.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use both::{Both, ask, dump, patient, queue_of, text, texts};
use infra_redis::engine::{
    Backoff, ChildFailure, Deduplication, EngineError, JobId, JobOptions, JobState, Keep, Order,
    ParentJob, Reply,
};
use serde_json::{Value, json};
use support::TestQueue;

async fn node(command: &str, prefix: &str) -> Value {
    both::node("add.js", command, prefix, "q", 0).await
}

/// The default, at a time in 2030.
fn options() -> JobOptions {
    JobOptions {
        timestamp: Some(1_900_000_000_000),
        ..JobOptions::default()
    }
}

fn id(id: &str) -> JobId {
    JobId::parse(id).unwrap()
}

const MINUTE: Duration = Duration::from_secs(60);

/// Adds jobs of every kind, as `add.js` does.
async fn add_kinds(test: &TestQueue) {
    let add = async |name: &str, data: Value, options: JobOptions| {
        test.queue.add(name, &data, &options).await.unwrap()
    };
    let prioritized = |priority| JobOptions {
        priority,
        ..options()
    };
    let text = "schöne Grüße / \"quoted\"";
    add("plain", json!({"n": 1, "text": text}), options()).await;
    add("second", json!([1, "two", null]), options()).await;
    let lifo = JobOptions {
        lifo: true,
        ..options()
    };
    add("lifo", json!("text"), lifo).await;
    add("low", json!(1.5), prioritized(2_097_151)).await;
    add("high", json!(true), prioritized(3)).await;
    add("high again", json!(false), prioritized(3)).await;
    for _ in 0..3 {
        let delay = MINUTE;
        let delayed = JobOptions { delay, ..options() };
        add("delayed", json!({}), delayed).await;
    }
    let delay = MINUTE / 2;
    let sooner = JobOptions {
        delay,
        ..prioritized(7)
    };
    add("sooner", json!({}), sooner).await;
    let mine = JobOptions {
        id: Some(id("mine")),
        ..options()
    };
    let tried = JobOptions {
        attempts: 3,
        backoff: Some(Backoff::fixed(Duration::from_millis(500))),
        ..mine.clone()
    };
    add("mine", json!({"n": 2}), tried).await;
    add("mine", json!({"n": 3}), mine).await;
    let colons = JobOptions {
        id: Some(id("a:b:c")),
        ..options()
    };
    add("colons", json!({}), colons).await;
    add("absent", json!({}), options()).await;
    add("nothing", json!(null), options()).await;
    add_settings(test).await;
    add_family(test).await;
}

async fn add_settings(test: &TestQueue) {
    let add = async |name: &str, options: JobOptions| {
        test.queue.add(name, &json!({}), &options).await.unwrap()
    };
    let backoff = Backoff::exponential(Duration::from_millis(100));
    let backoff = JobOptions {
        attempts: 4,
        backoff: Some(backoff.with_jitter(0.5).unwrap()),
        ..options()
    };
    add("backoff", backoff).await;
    let kept = JobOptions {
        keep_completed: Some(Keep::None),
        keep_failed: Some(Keep::Young {
            age: MINUTE,
            count: Some(5),
            limit: None,
        }),
        keep_logs: Some(7),
        stack_trace_limit: Some(2),
        size_limit: Some(1000),
        telemetry: Some("00-trace".to_owned()),
        omit_context: true,
        ..options()
    };
    add("kept", kept).await;
    let forever = JobOptions {
        keep_completed: Some(Keep::All),
        keep_failed: Some(Keep::Newest(9)),
        ..options()
    };
    add("forever", forever).await;
    for extend in [true, false] {
        let deduplication = Deduplication {
            id: "d".to_owned(),
            ttl: Some(MINUTE),
            extend,
            ..Deduplication::default()
        };
        let deduplicated = JobOptions {
            deduplication: Some(deduplication),
            ..options()
        };
        add("deduplicated", deduplicated).await;
    }
}

async fn add_family(test: &TestQueue) {
    let parent = JobOptions {
        id: Some(id("parent")),
        ..options()
    };
    test.queue.add("parent", &json!({}), &parent).await.unwrap();
    for on_failure in [
        ChildFailure::Hold,
        ChildFailure::FailParent,
        ChildFailure::ContinueParent,
        ChildFailure::Ignore,
        ChildFailure::Remove,
    ] {
        let child = JobOptions {
            parent: Some(parent_in(test, "parent")),
            on_failure,
            ..options()
        };
        test.queue.add("child", &json!({}), &child).await.unwrap();
    }
}

fn parent_in(test: &TestQueue, id: &str) -> ParentJob {
    ParentJob {
        queue: test.id.clone(),
        id: id.to_owned(),
    }
}

async fn add_blocked(test: &TestQueue) {
    let prioritized = JobOptions {
        priority: 1,
        ..options()
    };
    let delayed = JobOptions {
        delay: MINUTE,
        ..options()
    };
    for (name, options) in [
        ("plain", options()),
        ("prioritized", prioritized),
        ("delayed", delayed),
    ] {
        test.queue.add(name, &json!({}), &options).await.unwrap();
    }
}

/// C-1, C-2, C-6 to C-14, C-18 to C-20.
#[tokio::test]
async fn both_clients_store_jobs_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    for prefix in [&both.theirs, &both.ours] {
        let full = queue_of(prefix, "q-full").await;
        full.on("LPUSH", "active", &["at work"]).await;
    }
    node("add", &both.theirs).await;
    let ours = queue_of(&both.ours, "q").await;
    add_kinds(&ours).await;
    let paused = queue_of(&both.ours, "q-paused").await;
    paused.queue.pause().await.unwrap();
    add_blocked(&paused).await;
    let full = queue_of(&both.ours, "q-full").await;
    let one = NonZeroU32::new(1).unwrap();
    full.queue.set_global_concurrency(one).await.unwrap();
    add_blocked(&full).await;

    both.assert_alike(&ours.connection, &[]).await;
    let shown = dump(&ours.connection, &both.ours, &[]).await;
    // What both agree on is also what was meant.
    for line in [
        "P:q:mine: data={\"n\":2} delay=0 name=mine opts={\"attempts\":3,\"backoff\":{\"delay\":500,\"type\":\"fixed\"},\"jobId\":\"mine\",\"timestamp\":1900000000000} priority=0 timestamp=1900000000000",
        "P:q-full:marker: 1=1900000060000",
        "P:q-paused:marker: 1=1900000060000",
        "P:q:marker: 0=0 1=1900000030000",
        "  event=duplicated jobId=mine",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    // Every key starts with the prefix, so that all are in the slot of its tag.
    let tag = both.ours.trim_matches(['{', '}']);
    let keys = texts(ask(&ours.connection, "KEYS", &[&format!("*{tag}*")]).await);
    let start = format!("{}:q", both.ours);
    assert!(keys.iter().all(|key| key.starts_with(&start)), "{keys:?}");

    // Each client reads the other's jobs as its own.
    let (mut read, own) = (
        node("read", &both.ours).await,
        node("read", &both.theirs).await,
    );
    let anonymous = read.to_string().replace(&both.ours, &both.theirs);
    read = serde_json::from_str(&anonymous).unwrap();
    assert_eq!(read, own);
    assert_eq!(read.as_array().unwrap().len(), 24);
    let theirs = queue_of(&both.theirs, "q").await;
    let jobs = async |test: &TestQueue| {
        let jobs = test.queue.jobs(&JobState::ALL, 0..100, Order::OldestFirst);
        let mut jobs = jobs.await.unwrap();
        for job in &mut jobs {
            let options: Value = serde_json::from_str(&job.options).unwrap();
            job.options = options.to_string().replace(&both.ours, &both.theirs);
            let key = job.parent_key.take();
            job.parent_key = key.map(|key| key.replace(&both.ours, &both.theirs));
        }
        jobs
    };
    assert_eq!(jobs(&theirs).await, jobs(&ours).await);
}

/// C-15 to C-17.
#[tokio::test]
async fn both_clients_refuse_the_same() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let theirs = node("refuse", &both.theirs).await;
    let test = queue_of(&both.ours, "q").await;
    let refused =
        async |options: JobOptions| match test.queue.add("job", &json!({}), &options).await {
            Ok(id) => id,
            Err(EngineError::Option(error)) => error.reason,
            Err(error) => error.to_string(),
        };
    let mut ids = Vec::new();
    for given in ["17", "-3", "0", "0:a", "0:a:b", "a:b", "a:b:c:d", "a:b:c"] {
        ids.push(match JobId::parse(given) {
            Ok(id) => {
                let id = Some(id);
                refused(JobOptions {
                    id,
                    ..JobOptions::default()
                })
                .await
            }
            Err(error) => error.reason,
        });
    }
    assert_eq!(theirs["ids"], json!(ids));
    let child = async |id: Option<JobId>, parent: &str| {
        let parent = Some(parent_in(&test, parent));
        refused(JobOptions {
            id,
            parent,
            ..JobOptions::default()
        })
        .await
    };
    let of_theirs =
        |text: String, code: &str| format!("{code}{}", text.replace(&both.ours, &both.theirs));
    let missing = child(None, "gone").await;
    assert_eq!(theirs["missing"], of_theirs(missing, "-5 "));
    // The counter counted the id that was accepted, and nothing else.
    assert_eq!(test.on("GET", "id", &[]).await, Reply::Text("1".to_owned()));
    for parent in ["one", "two"] {
        let id = Some(id(parent));
        refused(JobOptions {
            id,
            ..JobOptions::default()
        })
        .await;
    }
    child(Some(id("child")), "one").await;
    let other = child(Some(id("child")), "two").await;
    assert_eq!(theirs["other"], of_theirs(other, "-7 "));
    assert_eq!(theirs["same"], child(Some(id("child")), "one").await);
    let priority = 2_097_152;
    let priority = refused(JobOptions {
        priority,
        ..JobOptions::default()
    })
    .await;
    assert_eq!(theirs["priority"], priority);
    let deduplication = Some(Deduplication::default());
    let deduplication = refused(JobOptions {
        deduplication,
        ..JobOptions::default()
    })
    .await;
    assert_eq!(theirs["deduplication"], deduplication);
    let size_limit = Some(1);
    let size = refused(JobOptions {
        size_limit,
        ..JobOptions::default()
    })
    .await;
    assert_eq!(theirs["size"], size);
    // Times differ, and so does what the jobs were refused with; the rest does not.
    both.assert_alike(&test.connection, &[]).await;
}

/// C-3 and C-4.
#[tokio::test]
async fn the_settings_of_a_node_queue_are_kept() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let test = queue_of(&both.ours, "q").await;
    test.add(json!(1)).await;
    let setting = async |field: &str| test.on("HGET", "meta", &[field]).await;
    assert_eq!(text(setting("opts.maxLenEvents").await), "10000");
    assert_eq!(setting("version").await, Reply::Nil);
    node("configure", &both.ours).await;
    test.add(json!(2)).await;
    let (worker, _told) = support::echo();
    let worker = test.work_with(worker, patient()).await;
    test.until_completed(3).await;
    worker.stop(Duration::from_secs(5)).await;
    test.queue.pause().await.unwrap();
    test.queue.resume().await.unwrap();
    assert_eq!(text(setting("opts.maxLenEvents").await), "7");
    assert_eq!(text(setting("version").await), "bullmq:6.7.0");
    // A Node queue that says nothing finds the limit, or sets its own default.
    node("read", &both.ours).await;
    assert_eq!(text(setting("opts.maxLenEvents").await), "10000");
}
