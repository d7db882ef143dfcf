//! A job whose hash was deleted under the engine stays gone, wherever its id still stands.

use std::time::Duration;

use super::settle_and_fetch::settlement;
use super::*;
use crate::engine::{Deduplication, JobOptions};

#[tokio::test]
async fn a_due_id_without_a_job_is_dropped_and_told_to_nobody() {
    let fixture = Fixture::new().await;
    let delayed = Add {
        delay: 1000,
        ..PLAIN
    };
    fixture.add(&[delayed]).await;
    fixture.at("DEL", "1", &[]).await;
    fixture.queue.pause().await.unwrap();
    fixture.fetch(NOW + 1000, None, &["a"]).await;
    assert_keyspace!(fixture, @r"
    events: 
      event=added jobId=1 name=greet
      event=delayed jobId=1 delay=1795507965676
      event=paused
    id: 1
    meta: opts.maxLenEvents=10000 paused=1
    ");
}

#[tokio::test]
async fn a_parent_that_is_gone_does_not_come_back_when_its_child_fails() {
    for policy in ["fpof", "cpof"] {
        let fixture = Fixture::new().await;
        let parents = fixture.beside();
        parents.put(Suffix::WaitingChildren, "p", "1000").await;
        fixture.add(&[PLAIN]).await;
        fixture.adopt("1", &parents, "p").await;
        let queue = parents.keys.base().trim_end_matches(':');
        let json = format!(r#"{{"id":"p","queueKey":"{queue}","{policy}":true}}"#);
        fixture.at("HSET", "1", &["parent", &json]).await;
        fixture.fetch(NOW, None, &["token"]).await;
        fixture
            .settle(NOW, &[settlement("failed", "1", "token")])
            .await;
        let left = parents.keyspace().await;
        assert_eq!(parents.at("EXISTS", "p", &[]).await, Reply::Int(0));
        assert!(!left.contains("wait") && !left.contains("events"), "{left}");
    }
}

#[tokio::test]
async fn a_job_that_is_gone_is_told_before_its_failed_children() {
    let fixture = Fixture::new().await;
    let children = ["1000", "child"];
    fixture.at("ZADD", "gone:unsuccessful", &children).await;
    let waiting = settlement("wait-for-children", "gone", "token");
    assert_eq!(fixture.settle(NOW, &[waiting]).await, [-1]);
}

#[tokio::test]
async fn a_job_that_is_gone_is_not_rescheduled() {
    let fixture = Fixture::new().await;
    let deduplication = Deduplication {
        id: "d".to_owned(),
        ttl: Some(Duration::from_secs(60)),
        reschedule: true,
        ..Deduplication::default()
    };
    let options = JobOptions {
        delay: Duration::from_secs(60),
        deduplication: Some(deduplication),
        ..JobOptions::default()
    };
    let data = serde_json::Value::Null;
    fixture.queue.add("greet", &data, &options).await.unwrap();
    fixture.at("DEL", "1", &[]).await;
    fixture.queue.add("greet", &data, &options).await.unwrap();
    assert_eq!(fixture.at("EXISTS", "1", &[]).await, Reply::Int(0));
}
