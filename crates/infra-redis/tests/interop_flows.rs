//! Flows that BullMQ's own Node client and this engine add and work in turns.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use both::{Both, ask, dump, patient, queue_of, text};
use infra_redis::engine::{
    ChildFailure, Claimed, FinishedState, Flow, Flows, JobContext, JobError, JobId, JobOptions,
    NewJob, Processor, QueueId, RetryReset, WorkerHandle,
};
use serde_json::{Value, json};
use support::{TestQueue, telling};
use testkit::program::eventually;

async fn node(command: &str, prefix: &str, queue: &str) -> Value {
    both::node("flows.js", command, prefix, queue, 0).await
}

const HOUR: Duration = Duration::from_secs(3600);

/// The cases of `flows.js`.
const CASES: [&str; 11] = [
    "done",
    "fail",
    "continue",
    "ignore",
    "remove",
    "hold",
    "prioritized",
    "delayed",
    "unkept",
    "deep",
    "known",
];

fn id(id: &str) -> JobId {
    JobId::parse(id).unwrap()
}

fn child(prefix: &str, case: &str, data: &str, options: JobOptions) -> Flow {
    let queue = QueueId::parse(prefix, &format!("{case}-c")).unwrap();
    Flow::new(queue, "child", json!(data)).with_options(JobOptions {
        id: Some(id(data)),
        ..options
    })
}

fn parent(prefix: &str, case: &str, options: JobOptions) -> Flow {
    let queue = QueueId::parse(prefix, &format!("{case}-p")).unwrap();
    let id = options.id.clone().or_else(|| Some(id("parent")));
    Flow::new(queue, "parent", json!({})).with_options(JobOptions { id, ..options })
}

fn flow(prefix: &str, case: &str) -> Flow {
    let options = JobOptions::default;
    let child = |data, options| child(prefix, case, data, options);
    let parent = |options| parent(prefix, case, options);
    let plain = |data| child(data, options());
    let failing = |on_failure| {
        child(
            "fails",
            JobOptions {
                on_failure,
                ..options()
            },
        )
    };
    let delayed = || JobOptions {
        delay: HOUR,
        ..options()
    };
    match case {
        "done" => parent(options())
            .with_child(plain("a"))
            .with_child(plain("b")),
        "fail" => parent(options())
            .with_child(failing(ChildFailure::FailParent))
            .with_child(child("b", delayed())),
        "continue" => parent(options())
            .with_child(failing(ChildFailure::ContinueParent))
            .with_child(child("b", delayed())),
        "ignore" => parent(options())
            .with_child(failing(ChildFailure::Ignore))
            .with_child(plain("b")),
        "remove" => parent(options())
            .with_child(failing(ChildFailure::Remove))
            .with_child(plain("b")),
        "hold" => parent(options()).with_child(plain("fails")),
        "prioritized" => {
            let priority = 4;
            parent(JobOptions {
                priority,
                ..options()
            })
            .with_child(plain("a"))
        }
        "delayed" => parent(delayed()).with_child(plain("a")),
        "unkept" => {
            let keep_completed = Some(infra_redis::engine::Keep::None);
            parent(options()).with_child(child(
                "a",
                JobOptions {
                    keep_completed,
                    ..options()
                },
            ))
        }
        "deep" => {
            let id = Some(id("middle"));
            let middle = parent(JobOptions { id, ..options() }).with_child(plain("a"));
            parent(options()).with_child(middle)
        }
        _ => parent(options()).with_child(plain("known")),
    }
}

/// Adds the flows of all cases.
async fn add(prefix: &str) {
    let flows = Flows::new(queue_of(prefix, "done-p").await.connection);
    for case in CASES {
        flows.add(&flow(prefix, case)).await.unwrap();
    }
}

/// Works the queues of one kind until none of them has a job that is ready or at work.
async fn work_all<P: Processor>(prefix: &str, kind: &str, processor: impl Fn() -> P) {
    for case in CASES {
        let test = queue_of(prefix, &format!("{case}-{kind}")).await;
        let worker = test.work_with(processor(), patient()).await;
        eventually("all jobs to be settled", || async {
            let counts = test.queue.counts().await.ok()?;
            (counts.waiting + counts.prioritized + counts.active == 0).then_some(())
        })
        .await;
        worker.stop(Duration::from_secs(5)).await;
    }
}

async fn work_children(prefix: &str) {
    let processor = || {
        telling(async |job: Claimed<Value>, _| {
            if job.data == "fails" {
                return Err(JobError::transient("it broke"));
            }
            Ok(json!({"done": job.data}))
        })
        .0
    };
    work_all(prefix, "c", processor).await;
}

async fn work_parents(prefix: &str) {
    let processor = || {
        telling(async |_, context: JobContext| {
            let values = context.children_values().await.unwrap();
            let short = values.iter().map(|(key, value)| {
                let value: Value = serde_json::from_str(value).unwrap();
                (key.rsplit(':').next().unwrap(), value)
            });
            Ok(json!(short.collect::<BTreeMap<_, _>>()))
        })
        .0
    };
    work_all(prefix, "p", processor).await;
}

/// A job that has completed before its flow is added.
async fn complete_known(prefix: &str) {
    let test = queue_of(prefix, "known-c").await;
    let options = JobOptions {
        id: Some(id("known")),
        ..JobOptions::default()
    };
    test.queue
        .add("child", &json!("known"), &options)
        .await
        .unwrap();
}

const WITHOUT: [&str; 4] = [":stalled", ":stalled-check", ":marker", ":pc"];

/// C-43, C-64 to C-68, C-70: what one client adds the other works, and both ways end alike.
#[tokio::test]
async fn a_flow_ends_alike_whoever_works_it() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let connection = queue_of(&both.ours, "done-p").await.connection;
    for prefix in [&both.theirs, &both.ours] {
        complete_known(prefix).await;
    }
    // Each child is worked by the client that did not add it.
    work_children(&both.theirs).await;
    node("children", &both.ours, "q").await;
    node("add", &both.theirs, "q").await;
    add(&both.ours).await;
    both.assert_alike(&connection, &WITHOUT).await;

    work_children(&both.theirs).await;
    node("children", &both.ours, "q").await;
    both.assert_alike(&connection, &WITHOUT).await;
    let shown = dump(&connection, &both.ours, &WITHOUT).await;
    let line = |start: &str| {
        let found = shown.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no {start} in\n{shown}"))
    };
    // What both agree on is also what was meant.
    assert_eq!(line("P:done-p:wait: "), "parent");
    assert_eq!(
        line("P:fail-p:parent:unsuccessful: "),
        "P:fail-c:fails=<now+0s>"
    );
    assert!(line("P:fail-p:parent: ").contains("defa=child P:fail-c:fails failed"));
    assert_eq!(line("P:fail-p:wait: "), "parent");
    assert_eq!(line("P:continue-p:wait: "), "parent");
    assert_eq!(
        line("P:continue-p:parent:failed: "),
        "P:continue-c:fails=it broke"
    );
    assert_eq!(
        line("P:ignore-p:parent:failed: "),
        "P:ignore-c:fails=it broke"
    );
    assert_eq!(line("P:remove-p:wait: "), "parent");
    assert!(!shown.contains("P:remove-p:parent:failed"));
    assert_eq!(line("P:hold-p:waiting-children: "), "parent=<now+0s>");
    assert!(line("P:prioritized-p:prioritized: ").starts_with("parent="));
    assert_eq!(line("P:delayed-p:delayed: "), "parent=<now+3600s>*4096");
    assert_eq!(
        line("P:unkept-p:parent:processed: "),
        r#"P:unkept-c:a={"done":"a"}"#
    );
    assert_eq!(line("P:known-p:wait: "), "parent");

    // And each parent by the one that did.
    node("parents", &both.theirs, "q").await;
    work_parents(&both.ours).await;
    both.assert_alike(&connection, &WITHOUT).await;
    let parents = queue_of(&both.ours, "done-p").await;
    let values = parents.finished("parent").await.return_value.unwrap();
    assert_eq!(values, r#"{"a":{"done":"a"},"b":{"done":"b"}}"#);
    let parents = queue_of(&both.theirs, "continue-p").await;
    let reason = parents.finished("parent").await.failed_reason.unwrap();
    assert_eq!(
        reason,
        "Job parent has pending dependencies. moveToFinished"
    );

    // Who holds is released by the other client's retry of its child.
    node("retry", &both.ours, "q").await;
    let held = queue_of(&both.theirs, "hold-c").await;
    held.queue
        .update_data("fails", &json!("works now"))
        .await
        .unwrap();
    let retried = held
        .queue
        .retry("fails", FinishedState::Failed, RetryReset::default());
    retried.await.unwrap();
    work_children(&both.ours).await;
    node("children", &both.theirs, "q").await;
    work_parents(&both.theirs).await;
    node("parents", &both.ours, "q").await;
    both.assert_alike(&connection, &WITHOUT).await;
    let held = queue_of(&both.theirs, "hold-p").await;
    let values = held.finished("parent").await.return_value.unwrap();
    assert_eq!(values, r#"{"fails":{"done":"works now"}}"#);
}

/// A worker of parents that add a child of another queue as they run, and wait for it.
async fn work_parent(parents: &TestQueue, children: &TestQueue) -> WorkerHandle {
    let queue = children.id.clone();
    let (processor, _told) = telling(move |_, context: JobContext| {
        let queue = queue.clone();
        async move {
            let values = context.children_values().await.unwrap();
            if let Some(value) = values.values().next() {
                return Ok(serde_json::from_str(value).unwrap());
            }
            let child = NewJob {
                name: "child",
                data: json!({"n": 1}),
                options: JobOptions::default(),
            };
            context.add_child(&queue, &child).await.unwrap();
            Err(JobError::WaitForChildren)
        }
    });
    parents.work_with(processor, patient()).await
}

async fn until_it_waits(parents: &TestQueue) {
    eventually("the parent to wait", || async {
        (parents.queue.counts().await.ok()?.waiting_children == 1).then_some(())
    })
    .await;
}

/// C-69.
#[tokio::test]
async fn a_running_parent_waits_for_children_that_the_other_client_works() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "parent").await,
        queue_of(&both.ours, "parent").await,
    );
    for test in [&theirs, &ours] {
        test.add(json!({})).await;
    }
    // Node's parent, our child. The child is worked only once its parent waits.
    let children = queue_of(&both.theirs, "child").await;
    let work_child = async {
        until_it_waits(&theirs).await;
        let (processor, _told) =
            telling(async |job: Claimed<Value>, _| Ok(json!({"worked": job.data})));
        let worker = children.work_with(processor, patient()).await;
        children.finished("1").await;
        worker.stop(Duration::from_secs(5)).await;
    };
    let (waited, ()) = tokio::join!(node("wait", &both.theirs, "q"), work_child);
    let key = format!("{}:1", children.id);
    assert_eq!(
        waited,
        json!({"calls": 2, "value": {key: {"worked": {"n": 1}}}})
    );

    // Our parent, Node's child.
    let children = queue_of(&both.ours, "child").await;
    let worker = work_parent(&ours, &children).await;
    until_it_waits(&ours).await;
    node("workOne", &both.ours, "child").await;
    let job = ours.finished("1").await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(job.return_value.as_deref(), Some(r#"{"worked":{"n":1}}"#));
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
    // What each parent returned differs; the way there does not.
    let mut without = WITHOUT.to_vec();
    without.push(":parent:1");
    let events = async |prefix| {
        let shown = dump(&ours.connection, prefix, &without).await;
        let lines = shown
            .lines()
            .filter(|line| !line.contains("event=completed jobId=1 "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(events(&both.theirs).await, events(&both.ours).await);
}

/// C-43.
#[tokio::test]
async fn a_job_with_a_failed_child_can_not_complete() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let mut reasons = Vec::new();
    for prefix in [&both.theirs, &both.ours] {
        let test = queue_of(prefix, "q").await;
        test.add(json!({})).await;
        let key = format!("{}:1:unsuccessful", test.id);
        ask(&test.connection, "ZADD", &[&key, "5", "a:child:of:another"]).await;
    }
    reasons.push(node("complete", &both.theirs, "q").await);
    let test = queue_of(&both.ours, "q").await;
    let (processor, _told) = telling(async |_, _| Ok(Value::Null));
    let worker = test.work_with(processor, patient()).await;
    test.finished("1").await;
    worker.stop(Duration::from_secs(5)).await;
    reasons.push(json!(text(test.on("HGET", "1", &["failedReason"]).await)));
    assert_eq!(reasons[0], reasons[1]);
    both.assert_alike(&test.connection, &WITHOUT).await;
}
