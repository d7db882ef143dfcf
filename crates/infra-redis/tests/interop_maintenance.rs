//! Queues that BullMQ's own Node client administers and the same queues administered here.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::fmt::Display;
use std::num::NonZeroU32;
use std::time::Duration;

use both::{Both, dump, patient, queue_of, text};
use infra_redis::engine::{
    Claimed, Deduplication, EngineError, FinishedState, JobContext, JobError, JobOptions, JobState,
    JobTemplate, Order, RateLimit, RetryReset, Schedule, SchedulerOptions, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, telling};

const HOUR: Duration = Duration::from_secs(3600);

/// What stands in each state, besides what a part adds: a job `a` to `h` in each.
const PLACES: [(&str, &str); 8] = [
    ("completed", "a"),
    ("waiting-children", "b"),
    ("delayed", "c"),
    ("failed", "d"),
    ("prioritized", "e"),
    ("wait", "f"),
    ("paused", "g"),
    ("active", "h"),
];

async fn store(test: &TestQueue, place: &str, id: &str) {
    let fields = [
        "name",
        "job",
        "timestamp",
        "1000",
        "data",
        "{}",
        "opts",
        "{}",
    ];
    test.on("HSET", id, &fields).await;
    test.on("HSET", id, &["priority", "0", "delay", "0"]).await;
    test.on("RPUSH", &format!("{id}:logs"), &["line"]).await;
    if matches!(place, "wait" | "paused" | "active") {
        test.on("LPUSH", place, &[id]).await;
    } else {
        test.on("ZADD", place, &["1000", id]).await;
    }
}

async fn store_everywhere(test: &TestQueue) {
    for (place, id) in PLACES {
        store(test, place, id).await;
    }
    // The next job of a scheduler, which protects it.
    store(test, "delayed", "repeat:tick:5000").await;
    test.on("HSET", "repeat:tick:5000", &["rjk", "tick"]).await;
    test.on("ZADD", "repeat", &["5000", "tick"]).await;
    test.on(
        "HSET",
        "repeat:tick",
        &["ic", "1", "every", "1000", "name", "tick"],
    )
    .await;
    // One that stands for a deduplication id.
    store(test, "wait", "owner").await;
    test.on("HSET", "owner", &["deid", "d"]).await;
    test.on("SET", "de:d", &["owner", "PX", "600000"]).await;
    store(test, "active", "locked").await;
    test.on("SET", "locked:lock", &["token"]).await;
}

/// Makes a stored job a child of another one.
async fn adopt(test: &TestQueue, child: &str, parent: &str) {
    let key = format!("{}:{parent}", test.id);
    let json = format!(r#"{{"id":"{parent}","queueKey":"{}"}}"#, test.id);
    test.on("HSET", child, &["parentKey", &key, "parent", &json])
        .await;
    let child = format!("{}:{child}", test.id);
    test.on("SADD", &format!("{parent}:dependencies"), &[&child])
        .await;
}

/// A parent that waits, with a child that is ready, one that is delayed, and a grandchild.
async fn store_family(test: &TestQueue) {
    store(test, "waiting-children", "parent").await;
    test.on("HSET", "parent", &["priority", "3"]).await;
    store(test, "wait", "one").await;
    store(test, "waiting-children", "two").await;
    store(test, "prioritized", "grandchild").await;
    adopt(test, "one", "parent").await;
    adopt(test, "two", "parent").await;
    adopt(test, "grandchild", "two").await;
}

async fn add(test: &TestQueue, options: JobOptions) {
    test.queue.add("job", &json!({}), &options).await.unwrap();
}

/// Jobs 1 and 2 of two hours later, or ready ones, then others.
async fn add_some(test: &TestQueue, delay: Duration) {
    let options = JobOptions::default;
    for (delay, priority) in [
        (delay, 0),
        (delay, 3),
        (Duration::ZERO, 2),
        (Duration::ZERO, 2),
        (Duration::ZERO, 0),
        (2 * HOUR, 0),
    ] {
        add(
            test,
            JobOptions {
                delay,
                priority,
                ..options()
            },
        )
        .await;
    }
}

async fn finish(test: &TestQueue, place: &str, id: &str, at: &str, more: &[&str]) {
    store(test, place, id).await;
    test.on("ZADD", place, &[at, id]).await;
    let fields = [
        "finishedOn",
        at,
        "processedOn",
        "900",
        "atm",
        "2",
        "ats",
        "3",
    ];
    test.on("HSET", id, &fields).await;
    let outcome = if place == "failed" {
        ["failedReason", "bad"]
    } else {
        ["returnvalue", "1"]
    };
    test.on("HSET", id, &outcome).await;
    if !more.is_empty() {
        test.on("HSET", id, more).await;
    }
}

async fn store_finished(test: &TestQueue) {
    finish(test, "failed", "a", "5000", &[]).await;
    finish(test, "completed", "b", "5000", &["priority", "2"]).await;
    finish(test, "failed", "c", "6000", &["opts", r#"{"lifo":true}"#]).await;
    // Its parent is to wait for it again.
    store(test, "waiting-children", "parent").await;
    finish(test, "failed", "d", "6000", &[]).await;
    adopt(test, "d", "parent").await;
    let key = format!("{}:d", test.id);
    test.on("DEL", "parent:dependencies", &[]).await;
    test.on("ZADD", "parent:unsuccessful", &["5", &key]).await;
    finish(test, "failed", "e", "7000", &[]).await;
    store(test, "wait", "f").await;
}

/// What all parts find, in the queues of an installation.
async fn prepare(prefix: &str) {
    // Node writes it whenever a queue is opened, this engine when an event is told.
    for part in ["drain", "drainall", "clean", "cleanold", "obliterate"] {
        let test = queue_of(prefix, part).await;
        test.on("HSET", "meta", &["opts.maxLenEvents", "10000"])
            .await;
    }
    for part in ["remove", "drain", "drainall", "clean", "obliterate"] {
        store_everywhere(&queue_of(prefix, part).await).await;
    }
    // What 5.x clients put aside counts as waiting here, and is a state of its own for BullMQ.
    let test = queue_of(prefix, "clean").await;
    for key in ["paused", "g", "g:logs"] {
        test.on("DEL", key, &[]).await;
    }
    for part in ["tree", "alone", "unprocessed"] {
        store_family(&queue_of(prefix, part).await).await;
    }
    for part in ["lastchild", "dependency"] {
        let test = queue_of(prefix, part).await;
        store(&test, "waiting-children", "parent").await;
        test.on("HSET", "parent", &["priority", "3"]).await;
        for child in ["one", "two"] {
            store(&test, "wait", child).await;
            adopt(&test, child, "parent").await;
        }
        if part == "dependency" {
            let key = format!("{}:two", test.id);
            test.on("SREM", "parent:dependencies", &[&key]).await;
        }
    }
    let old = queue_of(prefix, "cleanold").await;
    for n in 0..4 {
        let (id, at) = (format!("old-{n}"), format!("{}", 5000 - n));
        finish(&old, "completed", &id, &at, &[]).await;
    }
    finish(&old, "completed", "young", "1900000000000", &[]).await;
    for (part, delay) in [
        ("promote", HOUR),
        ("promoteall", HOUR),
        ("priority", Duration::ZERO),
        ("delay", HOUR),
        ("record", Duration::ZERO),
    ] {
        add_some(&queue_of(prefix, part).await, delay).await;
    }
    for part in ["retry", "retryall"] {
        store_finished(&queue_of(prefix, part).await).await;
    }
}

/// Nothing, or the text of an error.
fn outcome<T>(result: Result<T, impl Display>) -> Value {
    result.map_or_else(|error| json!(error.to_string()), |_| Value::Null)
}

/// Removes jobs, in every way.
async fn remove(prefix: &str) -> Vec<Value> {
    let remove = async |part: &str, id: &str, with_children: bool| {
        let test = queue_of(prefix, part).await;
        outcome(test.queue.remove(id, with_children).await)
    };
    let mut told = Vec::new();
    for id in [
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "unknown",
        "locked",
        "repeat:tick:5000",
    ] {
        told.push(remove("remove", id, true).await);
    }
    remove("tree", "parent", true).await;
    remove("alone", "parent", false).await;
    remove("lastchild", "one", true).await;
    remove("lastchild", "two", true).await;
    let test = queue_of(prefix, "unprocessed").await;
    test.queue
        .remove_unprocessed_children("parent")
        .await
        .unwrap();
    told
}

/// Cleans a state; the ids in order.
async fn clean(test: &TestQueue, grace: Duration, limit: Option<u64>, state: JobState) -> Value {
    let ids = test.queue.clean(grace, limit, state).await.unwrap();
    json!(ids)
}

/// Empties queues, in every way; the ids that cleaning answered.
async fn empty(prefix: &str) -> [Vec<Value>; 3] {
    queue_of(prefix, "drain")
        .await
        .queue
        .drain(false)
        .await
        .unwrap();
    queue_of(prefix, "drainall")
        .await
        .queue
        .drain(true)
        .await
        .unwrap();
    let test = queue_of(prefix, "clean").await;
    let mut cleaned = Vec::new();
    for state in [
        JobState::Completed,
        JobState::Failed,
        JobState::Waiting,
        JobState::Delayed,
        JobState::Prioritized,
        JobState::Active,
    ] {
        let mut ids = test
            .queue
            .clean(Duration::ZERO, Some(100), state)
            .await
            .unwrap();
        ids.sort_unstable();
        cleaned.push(json!(ids));
    }
    cleaned.push(clean(&test, Duration::ZERO, Some(100), JobState::Completed).await);
    let test = queue_of(prefix, "cleanold").await;
    let old = vec![
        clean(&test, HOUR, Some(2), JobState::Completed).await,
        clean(&test, HOUR, None, JobState::Completed).await,
    ];
    let test = queue_of(prefix, "obliterate").await;
    // BullMQ's method pauses the queue by itself.
    let unpaused = test.queue.obliterate(false).await.unwrap_err().to_string();
    assert_eq!(unpaused, "Cannot obliterate non-paused queue");
    test.queue.pause().await.unwrap();
    let refused = vec![outcome(test.queue.obliterate(false).await)];
    [cleaned, old, refused]
}

/// Moves jobs, in every way; what was answered, by part.
async fn shift(prefix: &str) -> Value {
    let test = queue_of(prefix, "dependency").await;
    let mut dependency = Vec::new();
    for id in ["one", "two"] {
        dependency.push(test.queue.remove_child_dependency(id).await.unwrap());
    }
    let test = queue_of(prefix, "promote").await;
    let mut promote = Vec::new();
    for id in ["1", "2", "5", "1"] {
        promote.push(outcome(test.queue.promote(id).await));
    }
    let test = queue_of(prefix, "promoteall").await;
    test.queue.promote_all().await.unwrap();
    let test = queue_of(prefix, "retry").await;
    let (failed, completed) = (FinishedState::Failed, FinishedState::Completed);
    let anew = RetryReset {
        attempts_made: true,
        attempts_started: true,
    };
    let mut retry = Vec::new();
    for (id, state, reset) in [
        ("a", failed, RetryReset::default()),
        ("b", completed, RetryReset::default()),
        ("c", failed, RetryReset::default()),
        ("d", failed, RetryReset::default()),
        ("e", failed, anew),
        ("f", failed, RetryReset::default()),
    ] {
        retry.push(outcome(test.queue.retry(id, state, reset).await));
    }
    let test = queue_of(prefix, "retryall").await;
    test.queue.retry_all(failed, Some(6000)).await.unwrap();
    test.queue.retry_all(completed, None).await.unwrap();
    let test = queue_of(prefix, "priority").await;
    let mut priority = Vec::new();
    for (id, number, first) in [
        ("1", 2, true),
        ("2", 2, false),
        ("3", 0, true),
        ("4", 0, false),
        ("6", 9, false),
        ("1", 5, false),
    ] {
        priority.push(outcome(test.queue.change_priority(id, number, first).await));
    }
    let test = queue_of(prefix, "delay").await;
    let mut delay = Vec::new();
    for id in ["1", "5"] {
        delay.push(outcome(test.queue.change_delay(id, 2 * HOUR).await));
    }
    json!({
        "dependency": dependency, "promote": promote, "retry": retry, "priority": priority,
        "delay": delay,
    })
}

/// Records what a job's processor or an administrator has to say.
async fn record(prefix: &str) -> Result<Value, EngineError> {
    let test = queue_of(prefix, "record").await;
    let queue = &test.queue;
    queue.update_data("1", &json!({"other": [1, "ü"]})).await?;
    for progress in [json!(42), json!("half"), json!({"a": null})] {
        queue.update_progress("1", &progress).await?;
    }
    for line in ["one", "two", "three"] {
        queue.add_log("1", line, None).await?;
    }
    let logs = queue.logs("1", 0..2, Order::OldestFirst).await?;
    queue.clear_logs("1", 2).await?;
    queue
        .set_global_concurrency(NonZeroU32::new(3).unwrap())
        .await?;
    let limit = RateLimit {
        max: 5,
        window: Duration::from_secs(1),
    };
    queue.set_global_rate_limit(limit).await?;
    queue.rate_limit(Duration::from_secs(60)).await?;
    Ok(json!([
        logs.lines,
        logs.total,
        queue.global_concurrency().await?
    ]))
}

/// The texts without BullMQ's codes, which ours have as variants.
fn without_codes(mut told: Value) -> Value {
    for answer in told.as_array_mut().unwrap() {
        if let Some(text) = answer.as_str()
            && let Some((code, rest)) = text.split_once(' ')
            && code.parse::<i64>().is_ok()
        {
            *answer = json!(rest);
        }
    }
    told
}

/// C-55 to C-63.
#[tokio::test]
async fn both_clients_administer_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    Box::pin(prepare(&both.theirs)).await;
    Box::pin(prepare(&both.ours)).await;
    let theirs = both::node("maintenance.js", "administer", &both.theirs, "q", 0).await;
    let removed = remove(&both.ours).await;
    let [cleaned, old, refused] = empty(&both.ours).await;
    let shifted = shift(&both.ours).await;
    let recorded = record(&both.ours).await.unwrap();

    // Where BullMQ counts, the engine returns nothing or an error with BullMQ's text.
    let locked = "Job locked could not be removed because it is locked by another worker";
    let pending = "Job repeat:tick:5000 belongs to a job scheduler and cannot be removed directly. \
                   removeJob";
    let counted = |answer: &Value| match answer.as_str() {
        None => json!(1),
        Some(text) if text == locked => json!(0),
        Some(text) => json!(text),
    };
    let removed: Vec<_> = removed.iter().map(counted).collect();
    let mut expected = without_codes(theirs["remove"].clone());
    assert_eq!(expected.as_array_mut().unwrap().pop(), Some(json!(locked)));
    assert_eq!(expected, json!(removed));
    assert_eq!(removed[10], pending);
    for (part, ours) in [
        ("clean", cleaned),
        ("cleanold", old),
        ("obliterate", refused),
    ] {
        assert_eq!(without_codes(theirs[part].clone()), json!(ours), "{part}");
    }
    for (part, ours) in shifted.as_object().unwrap() {
        assert_eq!(&without_codes(theirs[part].clone()), ours, "{part}");
    }
    assert_eq!(theirs["record"], recorded);

    let test = queue_of(&both.ours, "remove").await;
    // BullMQ releases a parent that is about to be removed, and tells so; this engine does not.
    let doomed = [":tree:events", ":tree:marker", ":unprocessed:events"];
    both.assert_alike(&test.connection, &doomed).await;
}

/// C-5.
#[tokio::test]
async fn node_obliterates_what_was_left_here() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let test = queue_of(&both.ours, "q").await;
    // A worked queue with something of each kind that this engine writes.
    let (processor, _told) = telling(async |job: Claimed<Value>, context: JobContext| {
        context.log("line").await.unwrap();
        context.update_progress(&1).await.unwrap();
        match job.name.as_str() {
            "fails" => Err(JobError::permanent("it broke")),
            "later" => Err(JobError::NotYet(HOUR)),
            _ => Ok(job.data),
        }
    });
    let settings = WorkerSettings {
        metrics_points: Some(5),
        name: Some("rust".to_owned()),
        ..patient()
    };
    let worker = test.work_with(processor, settings).await;
    let deduplication = Deduplication {
        id: "d".to_owned(),
        ..Deduplication::default()
    };
    let options = JobOptions {
        deduplication: Some(deduplication),
        delay: HOUR,
        ..JobOptions::default()
    };
    add(&test, options).await;
    for name in ["fails", "later", "ends"] {
        test.queue
            .add(name, &json!({}), &JobOptions::default())
            .await
            .unwrap();
    }
    let template = JobTemplate {
        name: "tick".to_owned(),
        data: json!({}),
        options: JobOptions::default(),
    };
    let daily = Schedule::cron("0 3 * * *", None).unwrap();
    let bounds = SchedulerOptions::default();
    test.queue
        .upsert_scheduler("s", &daily, &bounds, &template)
        .await
        .unwrap();
    test.until_completed(1).await;
    worker.stop(Duration::from_secs(5)).await;
    for priority in [0, 4] {
        let options = JobOptions {
            priority,
            ..JobOptions::default()
        };
        add(&test, options).await;
    }
    test.queue.pause().await.unwrap();
    let metrics = test.on("EXISTS", "metrics:completed", &[]).await;
    assert_eq!(text(metrics), "1");

    both::node("maintenance.js", "obliterate", &both.ours, "q", 0).await;
    assert_eq!(dump(&test.connection, &both.ours, &[]).await, "");
}
