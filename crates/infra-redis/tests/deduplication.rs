//! Deduplication against a real Valkey, mode by mode.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{Claimed, Deduplication, JobOptions, Reply};
use serde_json::{Value, json};
use support::{TestQueue, next, telling};

fn rule() -> Deduplication {
    Deduplication {
        id: "d".to_owned(),
        ..Deduplication::default()
    }
}

fn under(deduplication: Deduplication) -> JobOptions {
    JobOptions {
        deduplication: Some(deduplication),
        ..JobOptions::default()
    }
}

fn delayed(deduplication: Deduplication, seconds: u64) -> JobOptions {
    JobOptions {
        delay: Duration::from_secs(seconds),
        ..under(deduplication)
    }
}

async fn add(test: &TestQueue, n: u32, options: &JobOptions) -> String {
    test.queue.add("job", &json!(n), options).await.unwrap()
}

/// The events of this name, as their fields in order.
async fn events(test: &TestQueue, name: &str) -> Vec<Vec<String>> {
    let Reply::List(entries) = test.on("XRANGE", "events", &["-", "+"]).await else {
        panic!("no stream")
    };
    let fields = |entry: Reply| {
        let Reply::List(mut parts) = entry else {
            panic!("no entry")
        };
        let Some(Reply::List(fields)) = parts.pop() else {
            panic!("no fields")
        };
        fields
            .into_iter()
            .map(|field| match field {
                Reply::Text(text) => text,
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let mut events: Vec<_> = entries.into_iter().map(fields).collect();
    events.retain(|fields| fields[1] == name);
    events
}

async fn ttl(test: &TestQueue) -> i64 {
    match test.on("PTTL", "de:d", &[]).await {
        Reply::Int(ttl) => ttl,
        other => panic!("{other:?}"),
    }
}

fn told(kept: &str, dropped: &str) -> Vec<String> {
    let fields = [
        "event",
        "deduplicated",
        "jobId",
        kept,
        "deduplicationId",
        "d",
    ];
    let fields = fields.into_iter().chain(["deduplicatedJobId", dropped]);
    fields.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_job_stands_for_others_until_it_is_finished() {
    let test = TestQueue::new().await;
    let options = under(rule());
    assert_eq!(add(&test, 1, &options).await, "1");
    assert_eq!(add(&test, 2, &options).await, "1");
    assert_eq!(events(&test, "deduplicated").await, [told("1", "2")]);
    assert_eq!(test.queue.counts().await.unwrap().waiting, 1);
    let (processor, _told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let worker = test.work(processor).await;
    test.finished("1").await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(add(&test, 3, &options).await, "3");
}

#[tokio::test]
async fn an_id_with_a_time_to_live_outlives_its_job_and_can_be_extended() {
    let test = TestQueue::new().await;
    let ttl_rule = Deduplication {
        ttl: Some(Duration::from_secs(60)),
        ..rule()
    };
    assert_eq!(add(&test, 1, &under(ttl_rule.clone())).await, "1");
    let (processor, _told) = telling(async |job: Claimed<Value>, _| Ok(job.data));
    let worker = test.work(processor).await;
    test.finished("1").await;
    worker.stop(Duration::from_secs(5)).await;
    assert!(ttl(&test).await > 50_000);
    assert_eq!(add(&test, 2, &under(ttl_rule.clone())).await, "1");
    test.on("PEXPIRE", "de:d", &["5000"]).await;
    add(&test, 3, &under(ttl_rule.clone())).await;
    assert!(ttl(&test).await <= 5000, "not extended unless asked");
    let extended = Deduplication {
        extend: true,
        ..ttl_rule
    };
    assert_eq!(add(&test, 4, &under(extended)).await, "1");
    assert!(ttl(&test).await > 50_000);
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_a_delayed_job_and_keeps_the_time_that_is_left() {
    let test = TestQueue::new().await;
    let replace = Deduplication {
        ttl: Some(Duration::from_secs(60)),
        replace: true,
        ..rule()
    };
    assert_eq!(add(&test, 1, &delayed(replace.clone(), 600)).await, "1");
    test.on("PEXPIRE", "de:d", &["5000"]).await;
    assert_eq!(add(&test, 2, &delayed(replace.clone(), 600)).await, "2");
    assert!(ttl(&test).await <= 5000);
    assert_eq!(
        events(&test, "deduplicated").await,
        [told("2", "1")],
        "the ids are swapped"
    );
    let removed = ["event", "removed", "jobId", "1", "prev", "delayed"].map(str::to_owned);
    assert_eq!(events(&test, "removed").await, [removed.to_vec()]);
    assert_eq!(test.queue.job("1").await.unwrap(), None);
    let debounce = Deduplication {
        extend: true,
        ..replace
    };
    assert_eq!(add(&test, 3, &delayed(debounce, 600)).await, "3");
    assert!(ttl(&test).await > 50_000, "a debounce starts anew");
    assert_eq!(test.queue.counts().await.unwrap().delayed, 1);
}

#[tokio::test]
async fn a_replacement_of_a_job_that_is_not_delayed_is_dropped_in_silence() {
    let test = TestQueue::new().await;
    let replace = Deduplication {
        replace: true,
        ..rule()
    };
    assert_eq!(add(&test, 1, &under(replace.clone())).await, "1");
    assert_eq!(add(&test, 2, &under(replace)).await, "1");
    assert!(events(&test, "deduplicated").await.is_empty());
}

#[tokio::test]
async fn a_reschedule_moves_the_job_that_is_there() {
    let test = TestQueue::new().await;
    let reschedule = Deduplication {
        reschedule: true,
        ..rule()
    };
    assert_eq!(add(&test, 1, &delayed(reschedule.clone(), 600)).await, "1");
    assert_eq!(add(&test, 2, &delayed(reschedule, 30)).await, "1");
    let delay = test.on("HGET", "1", &["delay"]).await;
    assert_eq!(delay, Reply::Text("30000".to_owned()));
    let data = test.queue.job("1").await.unwrap().unwrap().data;
    assert_eq!(data, "1", "its data stays");
}

#[tokio::test]
async fn the_last_of_those_added_during_the_work_follows_it() {
    let test = TestQueue::new().await;
    let options = under(Deduplication {
        keep_last_if_active: true,
        ..rule()
    });
    let (go, gone) = tokio::sync::watch::channel(false);
    let (processor, mut heard) = telling(move |job: Claimed<Value>, _| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(job.data)
        }
    });
    let worker = test.work(processor).await;
    assert_eq!(add(&test, 1, &options).await, "1");
    next(&mut heard).await;
    assert_eq!(add(&test, 2, &options).await, "1");
    assert_eq!(add(&test, 3, &options).await, "1");
    assert_eq!(
        events(&test, "deduplicated").await,
        [told("1", "2"), told("1", "3")]
    );
    go.send(true).unwrap();
    let follower = next(&mut heard).await;
    assert_eq!((follower.id.as_str(), &follower.data), ("3", &json!(3)));
    test.finished("3").await;
    worker.stop(Duration::from_secs(5)).await;
    assert!(heard.try_recv().is_err(), "only the last one follows");
    assert_eq!(test.on("EXISTS", "dn:d", &[]).await, Reply::Int(0));
    assert_eq!(test.on("EXISTS", "de:d", &[]).await, Reply::Int(0));
}

#[tokio::test]
async fn an_owner_that_vanished_is_replaced() {
    let test = TestQueue::new().await;
    test.on("SET", "de:d", &["gone"]).await;
    assert_eq!(add(&test, 1, &under(rule())).await, "1");
    assert_eq!(
        test.on("GET", "de:d", &[]).await,
        Reply::Text("1".to_owned())
    );
}

#[tokio::test]
async fn wrong_rules_are_refused_before_anything_is_sent() {
    let test = TestQueue::new().await;
    let empty = Deduplication::default();
    let refused = test
        .queue
        .add("job", &json!(1), &under(empty))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "deduplication: Deduplication id must be provided"
    );
    let limit = JobOptions {
        size_limit: Some(3),
        ..JobOptions::default()
    };
    let refused = test
        .queue
        .add("job", &json!("ä!"), &limit)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "size limit: The size of job job exceeds the limit 3 bytes"
    );
    assert_eq!(test.on("EXISTS", "id", &[]).await, Reply::Int(0));
}
