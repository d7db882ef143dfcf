//! Jobs that BullMQ's own Node client and this engine add under deduplication ids.
//!
//! Needs Node and the packages of `tests/interop/node`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "interop/both.rs"]
mod both;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use both::{Both, dump, patient, queue_of};
use infra_redis::engine::{Claimed, Deduplication, JobOptions, Reply};
use serde_json::{Value, json};
use support::{TestQueue, next, telling};
use testkit::program::eventually;

async fn node(command: &str, prefix: &str) -> Value {
    both::node("deduplication.js", command, prefix, "q", 0).await
}

const MINUTE: Duration = Duration::from_secs(60);

/// The rules of `deduplication.js`.
fn rules() -> Vec<(&'static str, Deduplication)> {
    let rule = || Deduplication {
        id: "d".to_owned(),
        ..Deduplication::default()
    };
    let ttl = || Deduplication {
        ttl: Some(MINUTE),
        ..rule()
    };
    let (extend, replace, reschedule, keep_last_if_active) = (true, true, true, true);
    vec![
        ("simple", rule()),
        ("ttl", ttl()),
        ("extend", Deduplication { extend, ..ttl() }),
        ("replace", Deduplication { replace, ..rule() }),
        ("throttle", Deduplication { replace, ..ttl() }),
        (
            "debounce",
            Deduplication {
                extend,
                replace,
                ..ttl()
            },
        ),
        (
            "reschedule",
            Deduplication {
                reschedule,
                ..rule()
            },
        ),
        (
            "latest",
            Deduplication {
                keep_last_if_active,
                ..rule()
            },
        ),
        (
            "latestttl",
            Deduplication {
                keep_last_if_active,
                extend,
                ..ttl()
            },
        ),
    ]
}

async fn add(test: &TestQueue, data: u32, rule: &Deduplication, delay: Duration) -> String {
    let options = JobOptions {
        deduplication: Some(rule.clone()),
        delay,
        ..JobOptions::default()
    };
    test.queue.add("job", &json!(data), &options).await.unwrap()
}

/// Adds jobs to the queue of each rule, ready and delayed; their ids.
async fn add_all(prefix: &str) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeMap::new();
    for (name, rule) in rules() {
        for (place, delay) in [("ready", Duration::ZERO), ("delayed", 60 * MINUTE)] {
            let queue = format!("{name}-{place}");
            let test = queue_of(prefix, &queue).await;
            let added = vec![
                add(&test, 1, &rule, delay).await,
                add(&test, 2, &rule, delay * 2).await,
                add(&test, 3, &rule, delay * 2).await,
            ];
            ids.insert(queue, added);
        }
        if matches!(name, "simple" | "extend" | "replace" | "latest") {
            let queue = format!("{name}-stale");
            let test = queue_of(prefix, &queue).await;
            test.on("SET", "de:d", &["gone"]).await;
            ids.insert(queue, vec![add(&test, 1, &rule, Duration::ZERO).await]);
        }
    }
    ids
}

/// Works the queues of all rules until nothing is ready.
async fn work_all(prefix: &str) {
    for (name, _) in rules() {
        let test = queue_of(prefix, &format!("{name}-ready")).await;
        let (processor, _told) = telling(async |_, _| Ok(Value::Null));
        let worker = test.work_with(processor, patient()).await;
        eventually("all jobs to be settled", || async {
            let counts = test.queue.counts().await.ok()?;
            (counts.waiting + counts.active == 0).then_some(())
        })
        .await;
        worker.stop(Duration::from_secs(5)).await;
    }
}

const WITHOUT: [&str; 3] = [":stalled", ":stalled-check", ":marker"];

/// C-75, C-76, C-78: alone, and each going on with what the other did.
#[tokio::test]
async fn both_clients_deduplicate_alike() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let connection = queue_of(&both.ours, "q").await.connection;
    let theirs = node("addAll", &both.theirs).await;
    let ours = add_all(&both.ours).await;
    assert_eq!(theirs, json!(ours));
    both.assert_alike(&connection, &WITHOUT).await;
    // What both agree on is also what was meant.
    assert_eq!(ours["simple-ready"], ["1", "1", "1"]);
    assert_eq!(ours["debounce-delayed"], ["1", "2", "3"]);
    assert_eq!(ours["simple-stale"], ["1"]);
    let shown = dump(&connection, &both.ours, &WITHOUT).await;
    for line in [
        "P:simple-ready:de:d: 1",
        "P:ttl-ready:de:d (60s): 1",
        "  event=deduplicated jobId=1 deduplicationId=d deduplicatedJobId=2",
        "  event=removed jobId=1 prev=delayed",
        "  event=deduplicated jobId=2 deduplicationId=d deduplicatedJobId=1",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }

    // Each goes on where the other began.
    let theirs = node("addAll", &both.ours).await;
    let ours = add_all(&both.theirs).await;
    assert_eq!(theirs, json!(ours));
    both.assert_alike(&connection, &WITHOUT).await;

    // What one added, the other ends, which lets go of ids without a time to live.
    work_all(&both.theirs).await;
    node("workAll", &both.ours).await;
    both.assert_alike(&connection, &WITHOUT).await;
    let shown = dump(&connection, &both.ours, &WITHOUT).await;
    assert!(!shown.contains("P:simple-ready:de:d"), "{shown}");
    assert!(shown.contains("P:ttl-ready:de:d (60s): 1"), "{shown}");
}

/// C-77.
#[tokio::test]
async fn the_last_of_those_that_one_client_added_follows_in_the_other() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let both = Both::new();
    let latest = rules().into_iter().find(|(name, _)| *name == "latest");
    let (_, latest) = latest.unwrap();

    // Node adds while we work.
    let test = queue_of(&both.theirs, "q").await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut told) = telling(move |job: Claimed<Value>, _| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(job.data)
        }
    });
    let worker = test.work_with(processor, patient()).await;
    add(&test, 1, &latest, Duration::ZERO).await;
    next(&mut told).await;
    let ids = node("follow", &both.theirs).await;
    assert_eq!(ids, json!(["1", "1", "1"]));
    go.send(true).unwrap();
    let follower = next(&mut told).await;
    assert_eq!((follower.id.as_str(), &follower.data), ("4", &json!(4)));
    test.finished("4").await;
    worker.stop(Duration::from_secs(5)).await;
    assert!(told.try_recv().is_err(), "only the last one follows");

    // We add while Node works.
    let test = queue_of(&both.ours, "q").await;
    add(&test, 1, &latest, Duration::ZERO).await;
    let adding = async {
        eventually("the job to be taken", || async {
            (test.queue.counts().await.ok()?.active == 1).then_some(())
        })
        .await;
        for n in 2..=4 {
            assert_eq!(add(&test, n, &latest, Duration::ZERO).await, "1");
        }
        test.on("SET", "go", &["1"]).await;
    };
    let (seen, ()) = tokio::join!(node("hold", &both.ours), adding);
    assert_eq!(seen, json!([["1", 1], ["4", 4]]));
    let counts = test.queue.counts().await.unwrap();
    assert_eq!((counts.completed, counts.waiting), (2, 0));
    assert_eq!(test.on("EXISTS", "dn:d", &[]).await, Reply::Int(0));
    // The same, in the same order, whoever did what.
    let without = [":stalled", ":stalled-check", ":marker", ":go", ":1", ":4"];
    both.assert_alike(&test.connection, &without).await;
}
