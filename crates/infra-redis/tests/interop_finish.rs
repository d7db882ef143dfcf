//! Jobs that end in the hands of BullMQ's own Node client and the same jobs worked here.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::time::Duration;

use both::{Both, ask, dump, patient, queue_of};
use infra_redis::engine::{
    Backoff, Claimed, JobContext, JobError, JobId, JobOptions, Keep, ScriptError, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, telling};
use testkit::program::eventually;

async fn node(command: &str, test: &TestQueue) -> Value {
    both::node("finish.js", command, test.id.prefix(), test.id.name(), 0).await
}

const HOUR: Duration = Duration::from_secs(3600);

fn options() -> JobOptions {
    JobOptions::default()
}

fn id(id: &str) -> JobId {
    JobId::parse(id).unwrap()
}

fn attempts(attempts: u32) -> JobOptions {
    JobOptions {
        attempts,
        ..options()
    }
}

async fn add(test: &TestQueue, name: &str, options: &JobOptions) -> String {
    test.queue
        .add(name, &json!({"n": 1}), options)
        .await
        .unwrap()
}

/// What a job's name says, as `finish.js` does it.
async fn perform(job: Claimed<Value>, context: JobContext) -> Result<Value, JobError> {
    match job.name.as_str() {
        "value" => Ok(json!({"echoed": job.data})),
        "text" => Ok(json!("schöne \"Grüße\"")),
        "nothing" => Ok(json!(())),
        "unrecoverable" => Err(JobError::permanent("never")),
        "later" => Err(JobError::NotYet(HOUR)),
        "logs" => {
            context.log("one").await.unwrap();
            context
                .update_progress(&json!({"half": true}))
                .await
                .unwrap();
            Ok(json!(1))
        }
        _ => Err(JobError::transient("it broke")),
    }
}

/// Works one job after another until none is ready or at work.
async fn work(test: &TestQueue, settings: WorkerSettings) {
    let (processor, _told) = telling(perform);
    let settings = WorkerSettings {
        name: Some("w".to_owned()),
        ..settings
    };
    let worker = test.work_with(processor, settings).await;
    eventually("all jobs to be settled", || async {
        let counts = test.queue.counts().await.ok()?;
        (counts.waiting + counts.prioritized + counts.active == 0).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
}

/// The keys that tell when workers looked, not what they did.
const WITHOUT: [&str; 4] = [":stalled", ":stalled-check", ":marker", ":pc"];

/// Jobs that end in every way.
async fn add_endings(test: &TestQueue) {
    for name in ["value", "text", "nothing", "logs", "fails"] {
        add(test, name, &options()).await;
    }
    add(test, "fails", &attempts(3)).await;
    add(test, "unrecoverable", &attempts(5)).await;
    let lifo = JobOptions {
        lifo: true,
        ..attempts(2)
    };
    add(test, "fails", &lifo).await;
    let prioritized = JobOptions {
        priority: 4,
        ..attempts(2)
    };
    add(test, "fails", &prioritized).await;
    for (id_text, backoff) in [
        ("fixed", Backoff::fixed(HOUR)),
        ("first", Backoff::exponential(HOUR)),
        ("third", Backoff::exponential(HOUR)),
    ] {
        let backoff = JobOptions {
            id: Some(id(id_text)),
            backoff: Some(backoff),
            ..attempts(5)
        };
        add(test, "fails", &backoff).await;
    }
    test.on("HSET", "third", &["atm", "2"]).await;
    add(test, "later", &attempts(2)).await;
    for limit in [2, 0] {
        let limited = JobOptions {
            stack_trace_limit: Some(limit),
            ..attempts(4)
        };
        add(test, "fails", &limited).await;
    }
    let deferred = JobOptions {
        id: Some(id("deferred")),
        ..attempts(3)
    };
    add(test, "value", &deferred).await;
    test.on("HSET", "deferred", &["defa", "too many stalls"])
        .await;
}

/// C-30, C-32 to C-37, C-41, C-42.
#[tokio::test]
async fn both_clients_leave_worked_jobs_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "q").await,
        queue_of(&both.ours, "q").await,
    );
    for test in [&theirs, &ours] {
        add_endings(test).await;
    }
    node("work", &theirs).await;
    work(&ours, patient()).await;
    both.assert_alike(&ours.connection, &WITHOUT).await;

    // What both agree on is also what was meant.
    let shown = dump(&ours.connection, &both.ours, &WITHOUT).await;
    let job = |id: &str| {
        let start = format!("P:q:{id}: ");
        shown.lines().find(|line| line.starts_with(&start)).unwrap()
    };
    for (id, expected) in [
        ("3", "returnvalue=null"),
        (
            "6",
            r#"stacktrace=["Error: it broke", "Error: it broke", "Error: it broke"]"#,
        ),
        ("7", "atm=1 "),
        ("first", " delay=3600000 "),
        ("third", " delay=14400000 "),
        ("deferred", "failedReason=too many stalls"),
    ] {
        assert!(job(id).contains(expected), "{expected}: {}", job(id));
    }
    assert!(!job("deferred").contains("defa="));
}

/// C-41: once nothing is left, also not what is delayed.
#[tokio::test]
async fn both_clients_tell_once_that_a_queue_is_drained() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "q").await,
        queue_of(&both.ours, "q").await,
    );
    for test in [&theirs, &ours] {
        for _ in 0..3 {
            add(test, "value", &options()).await;
        }
    }
    node("work", &theirs).await;
    work(&ours, patient()).await;
    both.assert_alike(&ours.connection, &WITHOUT).await;
    let shown = dump(&ours.connection, &both.ours, &WITHOUT).await;
    assert_eq!(shown.matches("event=drained").count(), 1, "{shown}");
}

/// Jobs that finish and are kept or not, and old ones that were kept until now.
async fn add_kept(test: &TestQueue) {
    for n in 0..4 {
        let old = format!("old-{n}");
        test.on("HSET", &old, &["name", "old", "timestamp", "1000"])
            .await;
        test.on("RPUSH", &format!("{old}:logs"), &["line"]).await;
        test.on("ZADD", "completed", &[&format!("{}", 1000 + n), &old])
            .await;
    }
    let completed = |keep| JobOptions {
        keep_completed: Some(keep),
        ..options()
    };
    let age = Keep::Young {
        age: HOUR,
        count: None,
        limit: Some(3),
    };
    // Three of the old ones go with the first, and the last of them with the second.
    add(test, "value", &completed(age)).await;
    add(test, "value", &completed(age)).await;
    add(test, "logs", &completed(Keep::None)).await;
    for _ in 0..2 {
        add(test, "value", &completed(Keep::Newest(2))).await;
    }
    let failed = JobOptions {
        keep_failed: Some(Keep::None),
        ..options()
    };
    add(test, "fails", &failed).await;
}

/// C-39, C-40.
#[tokio::test]
async fn both_clients_keep_the_same_jobs() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "q").await,
        queue_of(&both.ours, "q").await,
    );
    for test in [&theirs, &ours] {
        add_kept(test).await;
    }
    node("work", &theirs).await;
    work(&ours, patient()).await;
    both.assert_alike(&ours.connection, &WITHOUT).await;
    let shown = dump(&ours.connection, &both.ours, &WITHOUT).await;
    assert!(
        !shown.contains("old-") && !shown.contains("event=removed"),
        "{shown}"
    );

    // What the worker keeps counts where the job says nothing.
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "q").await,
        queue_of(&both.ours, "q").await,
    );
    for test in [&theirs, &ours] {
        for options in [options(), attempts(1)] {
            for name in ["value", "fails"] {
                add(test, name, &options).await;
            }
        }
        let kept = JobOptions {
            keep_completed: Some(Keep::All),
            keep_failed: Some(Keep::All),
            ..options()
        };
        add(test, "fails", &kept).await;
        add(test, "value", &kept).await;
    }
    node("keep", &theirs).await;
    let settings = WorkerSettings {
        keep_completed: Keep::Newest(1),
        keep_failed: Keep::None,
        ..patient()
    };
    work(&ours, settings).await;
    both.assert_alike(&ours.connection, &WITHOUT).await;
    let counts = ours.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.failed), (2, 1));
}

/// C-38: the scripts' codes are those that their tests show.
#[tokio::test]
async fn both_clients_tell_of_a_lost_job_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let told = node("lose", &test).await;
    let told = told.as_object().unwrap();
    assert_eq!(told.len(), 13);
    for (case, text) in told {
        let (id, operation) = case.split_once(' ').unwrap();
        let operation = [
            "moveToDelayed",
            "moveJobFromActiveToWait",
            "moveToWaitingChildren",
            "moveToFinished",
        ]
        .into_iter()
        .find(|known| *known == operation)
        .unwrap();
        let (id, state) = (id.to_owned(), "active");
        let (code, error) = match id.as_str() {
            "mismatch" => (
                -6,
                ScriptError::LockMismatch {
                    id,
                    state,
                    operation,
                },
            ),
            "missing-lock" => (-2, ScriptError::LockMissing { id, operation }),
            "not-active" => (
                -3,
                ScriptError::NotInState {
                    id,
                    state,
                    operation,
                },
            ),
            _ => (-1, ScriptError::JobMissing { id, operation }),
        };
        assert_eq!(text, &format!("{code} {error}"), "{case}");
    }
}

/// C-79.
#[tokio::test]
async fn node_reads_the_metrics_that_were_counted_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    for name in ["value", "value", "fails"] {
        add(&test, name, &options()).await;
    }
    let settings = || WorkerSettings {
        metrics_points: Some(4),
        ..patient()
    };
    work(&test, settings()).await;
    // As if the first ones had finished three minutes earlier.
    let key = format!("{}:metrics:completed", test.id);
    let previous = both::text(ask(&test.connection, "HGET", &[&key, "prevTS"]).await);
    let earlier = previous.parse::<u64>().unwrap() - 180_000;
    ask(
        &test.connection,
        "HSET",
        &[&key, "prevTS", &earlier.to_string()],
    )
    .await;
    add(&test, "value", &options()).await;
    work(&test, settings()).await;

    let read = node("metrics", &test).await;
    let completed = &read["completed"];
    assert_eq!(completed["meta"]["count"], 3);
    // A minute more if one ended between the two.
    let points = completed["data"].as_array().unwrap();
    assert!((3..=4).contains(&points.len()), "{completed}");
    let (first, zeros) = points.split_last().unwrap();
    assert_eq!(first, 2);
    assert!(zeros.iter().all(|point| point == 0), "{completed}");
    assert_eq!(completed["count"], points.len());
    assert_eq!(read["failed"]["meta"]["count"], 1);
    assert_eq!(read["failed"]["data"], json!([]));
}
