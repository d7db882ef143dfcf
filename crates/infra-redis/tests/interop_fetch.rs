//! Jobs that workers of BullMQ's own Node client take and the same jobs taken here.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::collections::HashMap;
use std::time::Duration;

use both::{Both, patient, queue_of, text, texts};
use infra_redis::engine::{
    Claimed, JobOptions, NewJob, RateLimit, Reply, WorkerHandle, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, Told, echo, next, telling};
use testkit::program::eventually;

async fn node(command: &str, test: &TestQueue, count: usize) -> Value {
    both::node("fetch.js", command, test.id.prefix(), test.id.name(), count).await
}

const MINUTE: Duration = Duration::from_secs(60);

fn options() -> JobOptions {
    JobOptions::default()
}

fn prioritized(priority: u32) -> JobOptions {
    JobOptions {
        priority,
        ..options()
    }
}

fn lifo() -> JobOptions {
    JobOptions {
        lifo: true,
        ..options()
    }
}

async fn add(test: &TestQueue, options: &JobOptions) -> String {
    test.queue.add("job", &json!({}), options).await.unwrap()
}

/// A worker that takes jobs and never ends one.
async fn hold(test: &TestQueue, settings: WorkerSettings) -> (WorkerHandle, Told) {
    let (processor, told) = telling(async |_, _| std::future::pending().await);
    (test.work_with(processor, settings).await, told)
}

fn named() -> WorkerSettings {
    WorkerSettings {
        name: Some("w".to_owned()),
        lock_duration: MINUTE,
        stalled_interval: Duration::from_secs(3600),
        ..WorkerSettings::default()
    }
}

/// Jobs to be taken, in an installation's queues.
async fn prepare(prefix: &str) {
    let test = queue_of(prefix, "q").await;
    for options in [options(), prioritized(2), lifo(), options()] {
        add(&test, &options).await;
    }
    // Two that became due a while ago, and one that will be.
    let test = queue_of(prefix, "q-due").await;
    let due = |priority| JobOptions {
        timestamp: Some(1_700_000_000_000),
        delay: MINUTE,
        ..prioritized(priority)
    };
    let later = JobOptions {
        delay: 60 * MINUTE,
        ..options()
    };
    for options in [due(5), due(0), due(0), later] {
        add(&test, &options).await;
    }
    add(&queue_of(prefix, "q-unnamed").await, &prioritized(1)).await;
    let test = queue_of(prefix, "q-paused").await;
    add(&test, &due(0)).await;
    test.queue.pause().await.unwrap();
}

/// C-22, C-24, C-26.
#[tokio::test]
async fn both_clients_leave_taken_jobs_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    prepare(&both.theirs).await;
    prepare(&both.ours).await;
    let theirs = queue_of(&both.theirs, "q").await;
    let taken = node("take", &theirs, 0).await;
    assert_eq!(taken, json!(["3", "1", "2", "1", null]));

    let mut workers = Vec::new();
    for (name, concurrency, ids) in [("q", 2, &["3", "1"][..]), ("q-due", 1, &["2"])] {
        let test = queue_of(&both.ours, name).await;
        let settings = WorkerSettings {
            concurrency,
            ..named()
        };
        let (worker, mut told) = hold(&test, settings).await;
        let mut taken = vec![];
        for _ in ids {
            taken.push(next(&mut told).await.id);
        }
        taken.sort_by_key(|id| ids.iter().position(|known| known == id));
        assert_eq!(taken, ids);
        workers.push(worker);
    }
    let unnamed = queue_of(&both.ours, "q-unnamed").await;
    let settings = WorkerSettings {
        name: None,
        ..named()
    };
    let (worker, mut told) = hold(&unnamed, settings).await;
    next(&mut told).await;
    workers.push(worker);
    let paused = queue_of(&both.ours, "q-paused").await;
    let (worker, mut told) = hold(&paused, named()).await;
    eventually("the due job to be ready", || async {
        (paused.queue.counts().await.ok()?.delayed == 0).then_some(())
    })
    .await;
    assert!(told.try_recv().is_err());
    workers.push(worker);
    // A worker looks for stalled jobs before it takes one, or a moment later; and who waits has
    // taken the marker.
    let without = [":stalled", ":stalled-check", ":marker"];
    both.assert_alike(&paused.connection, &without).await;
    for worker in workers {
        worker.stop(Duration::ZERO).await;
    }
}

/// C-21.
#[tokio::test]
async fn both_clients_take_jobs_in_one_order() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let (theirs, ours) = (
        queue_of(&both.theirs, "q").await,
        queue_of(&both.ours, "q").await,
    );
    for test in [&theirs, &ours] {
        for options in [
            prioritized(9),
            options(),
            prioritized(2),
            lifo(),
            options(),
            prioritized(2),
            lifo(),
        ] {
            add(test, &options).await;
        }
    }
    let (processor, mut told) = echo();
    let worker = ours.work_with(processor, patient()).await;
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(next(&mut told).await.id);
    }
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(order, ["7", "4", "2", "5", "3", "6", "1"]);
    assert_eq!(node("work", &theirs, 7).await, json!(order));
}

/// C-28, C-29.
#[tokio::test]
async fn limits_mean_the_same_to_both_clients() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    // Our limits, their workers.
    let test = TestQueue::new().await;
    for _ in 0..5 {
        add(&test, &options()).await;
    }
    test.queue.rate_limit(MINUTE).await.unwrap();
    // The worker without a limit takes all, although the one with a limit may take none.
    assert_eq!(
        node("limits", &test, 0).await,
        json!({"limited": 0, "free": 5})
    );
    for _ in 0..3 {
        add(&test, &options()).await;
    }
    test.queue.remove_rate_limit().await.unwrap();
    let global = RateLimit {
        max: 1,
        window: Duration::from_millis(500),
    };
    test.queue.set_global_rate_limit(global).await.unwrap();
    assert_eq!(
        node("limits", &test, 0).await,
        json!({"limited": 1, "free": 0})
    );

    // Their limits, our workers.
    let test = TestQueue::new().await;
    assert!(node("limit", &test, 0).await.as_u64().unwrap() > 50_000);
    let meta = test.on("HMGET", "meta", &["max", "duration"]).await;
    assert_eq!(texts(meta), ["1", "500"]);
    test.on("HDEL", "meta", &["max", "duration"]).await;
    test.add(json!(1)).await;
    let (processor, mut told) = echo();
    let worker = test.work_with(processor, patient()).await;
    next(&mut told).await;
    worker.stop(Duration::from_secs(5)).await;
    test.queue.remove_rate_limit().await.unwrap();
    test.queue.set_global_rate_limit(global).await.unwrap();
    for _ in 0..2 {
        test.add(json!(1)).await;
    }
    let (processor, mut told) = echo();
    let settings = WorkerSettings {
        rate_limit: Some(RateLimit {
            max: 2,
            window: MINUTE,
        }),
        ..patient()
    };
    let worker = test.work_with(processor, settings).await;
    let first = next(&mut told).await.id;
    test.finished(&first).await;
    // The worker's window, the queue's number: the second job waits.
    let ttl = test.on("PTTL", "limiter", &[]).await;
    assert!(matches!(ttl, Reply::Int(50_000..=60_000)), "{ttl:?}");
    assert_eq!(text(test.on("GET", "limiter", &[]).await), "1");
    assert_eq!(text(test.on("LLEN", "wait", &[]).await), "1");
    worker.stop(Duration::from_secs(5)).await;
}

/// The events of each job in order, by its id.
async fn events_by_job(test: &TestQueue) -> HashMap<String, Vec<String>> {
    let Reply::List(entries) = test.on("XRANGE", "events", &["-", "+"]).await else {
        panic!("not a stream")
    };
    let mut events: HashMap<_, Vec<_>> = HashMap::new();
    for entry in entries {
        let Reply::List(mut parts) = entry else {
            panic!("not an entry")
        };
        let fields = texts(parts.pop().unwrap());
        if let Some(at) = fields.iter().position(|field| field == "jobId") {
            let told = events.entry(fields[at + 1].clone()).or_default();
            told.push(fields[1].clone());
        }
    }
    events
}

/// C-84.
#[tokio::test]
async fn the_events_of_a_job_are_in_order_although_workers_batch() {
    const JOBS: usize = 500;
    if !testkit::bullmq::is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let (processor, _told) = telling(async |job: Claimed<Value>, _| {
        tokio::task::yield_now().await;
        Ok(job.data)
    });
    let settings = WorkerSettings {
        concurrency: 40,
        ..patient()
    };
    let worker = test.work_with(processor, settings).await;
    let job = NewJob {
        name: "job",
        data: json!({}),
        options: options(),
    };
    let add = async {
        for _ in 0..5 {
            test.queue
                .add_bulk(&vec![job.clone(); JOBS / 5])
                .await
                .unwrap();
        }
        test.until_completed(JOBS as u64).await;
        // Ours stops first, so that the Node worker takes the last one.
        worker.stop(Duration::from_secs(5)).await;
        test.queue
            .add("stop", &json!({}), &options())
            .await
            .unwrap();
    };
    let (_, ()) = tokio::join!(node("workOn", &test, 0), add);
    test.until_completed(JOBS as u64 + 1).await;
    let events = events_by_job(&test).await;
    assert_eq!(events.len(), JOBS + 1);
    for (id, told) in events {
        assert_eq!(
            told,
            ["added", "waiting", "active", "completed"],
            "job {id}"
        );
    }
}
