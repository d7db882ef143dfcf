//! Pausing and resuming between BullMQ 5, which puts waiting jobs aside, and those that don't.

use std::time::Duration;

use infra_redis::engine::Reply;
use serde_json::json;

use super::support::{echo, next};
use super::{Fleet, events, until_asleep, woken_only, woken_only_options};

/// The ids in one of the queue's lists, the next one to run last.
async fn list(fleet: &Fleet, name: &str) -> Vec<String> {
    let Reply::List(ids) = fleet.test.on("LRANGE", name, &["0", "-1"]).await else {
        panic!("{name} is no list");
    };
    let text = |id| match id {
        Reply::Text(id) => id,
        other => panic!("expected an id: {other:?}"),
    };
    ids.into_iter().map(text).collect()
}

async fn marker_exists(fleet: &Fleet) -> bool {
    fleet.test.on("EXISTS", "marker", &[]).await == Reply::Int(1)
}

#[tokio::test]
async fn what_version_5_put_aside_runs_first_when_resumed_here() {
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let a = fleet.five.add("a").await;
    let b = fleet.five.add("b").await;
    fleet.five.ask("pause").await;
    let c = fleet.test.add(json!("c")).await;
    let d = fleet.six.add("d").await;
    assert_eq!(list(&fleet, "paused").await, [&*b, &*a]);
    assert_eq!(list(&fleet, "wait").await, [&*d, &*c]);
    assert!(fleet.test.queue.is_paused().await.unwrap());
    assert_eq!(fleet.test.queue.counts().await.unwrap().waiting, 4);

    // Asleep until the resume wakes it.
    fleet.six.work(&json!(0), woken_only_options()).await;
    until_asleep(&fleet.test, 1).await;
    fleet.test.queue.resume().await.unwrap();
    fleet.test.until_completed(4).await;
    assert_eq!(fleet.six.stop().await, [a, b, c, d]);
    assert!(list(&fleet, "paused").await.is_empty());
    assert_eq!(fleet.five.ask("isPaused").await, false);
    let events = events(&fleet.test).await;
    let count = |event: &str| events.iter().filter(|entry| entry.is(event)).count();
    assert_eq!((count("paused"), count("resumed")), (1, 1));
}

#[tokio::test]
async fn what_was_paused_here_and_filled_by_version_5_is_resumed_by_version_6() {
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let a = fleet.test.add(json!("a")).await;
    assert!(marker_exists(&fleet).await);
    fleet.test.queue.pause().await.unwrap();
    assert!(!marker_exists(&fleet).await);
    assert_eq!(fleet.five.ask("isPaused").await, true);
    assert_eq!(fleet.six.ask("isPaused").await, true);
    let b = fleet.five.add("b").await;
    let c = fleet.test.add(json!("c")).await;
    // A second time: nothing that is aside may get lost.
    fleet.test.queue.pause().await.unwrap();
    assert_eq!(list(&fleet, "paused").await, [&*b]);
    assert_eq!(list(&fleet, "wait").await, [&*c, &*a]);

    let (processor, mut told) = echo();
    let ours = fleet.test.work_with(processor, woken_only()).await;
    until_asleep(&fleet.test, 1).await;
    fleet.six.ask("resume").await;
    for id in [b, a, c] {
        assert_eq!(next(&mut told).await.id, id);
    }
    fleet.test.until_completed(3).await;
    ours.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_second_pause_here_keeps_what_version_5_put_aside() {
    let Some(mut fleet) = Fleet::gather().await else {
        return;
    };
    let a = fleet.five.add("a").await;
    fleet.five.ask("pause").await;
    let b = fleet.test.add(json!("b")).await;
    fleet.test.queue.pause().await.unwrap();
    fleet.five.work(&json!(0), woken_only_options()).await;
    until_asleep(&fleet.test, 1).await;
    fleet.test.queue.resume().await.unwrap();
    fleet.test.until_completed(2).await;
    assert_eq!(fleet.five.stop().await, [a, b]);
    // And once more, with nothing aside.
    fleet.test.queue.resume().await.unwrap();
    let counts = fleet.test.queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.completed), (0, 2));
}
