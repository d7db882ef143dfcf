//! The events of a queue: every kind, in order, none lost and none twice; and waiting for a job.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod kinds;
mod node;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod waiting;

use std::collections::HashMap;
use std::time::Duration;

use infra_redis::engine::{
    EventCursor, Queue, QueueEvent, QueueEvents, ReadFrom, RecordedEvent, Reply,
};
use serde_json::Value;
use support::TestQueue;
use testkit::proxy::Proxy;
use testkit::valkey::shared_url;

pub(crate) async fn open(test: &TestQueue, from: ReadFrom) -> QueueEvents {
    QueueEvents::open(&test.settings, &test.id, from)
        .await
        .unwrap()
}

pub(crate) async fn told(events: &mut QueueEvents) -> RecordedEvent {
    tokio::time::timeout(Duration::from_secs(30), events.next())
        .await
        .expect("an event within half a minute")
        .expect("a reader")
}

pub(crate) async fn told_many(events: &mut QueueEvents, count: usize) -> Vec<QueueEvent> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(told(events).await.event);
    }
    all
}

/// All events up to the first that is like this one.
pub(crate) async fn told_until(
    events: &mut QueueEvents,
    is_last: impl Fn(&QueueEvent) -> bool,
) -> Vec<QueueEvent> {
    let mut all = Vec::new();
    loop {
        all.push(told(events).await.event);
        if all.last().is_some_and(&is_last) {
            return all;
        }
    }
}

/// Publishes an event that is known by its number.
pub(crate) async fn publish(queue: &Queue<Value>, number: usize) -> EventCursor {
    let number = number.to_string();
    queue
        .publish_event("numbered", &[("n", &number)], Some(1_000_000))
        .await
        .unwrap()
}

pub(crate) fn number(event: &QueueEvent) -> usize {
    match event {
        QueueEvent::Custom { name, fields } if name == "numbered" => fields[0].1.parse().unwrap(),
        other => panic!("not a numbered event: {other:?}"),
    }
}

pub(crate) fn added(id: &str, name: &str) -> QueueEvent {
    QueueEvent::Added {
        job_id: id.to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn waiting(id: &str, previous: Option<&str>) -> QueueEvent {
    QueueEvent::Waiting {
        job_id: id.to_owned(),
        previous: previous.map(str::to_owned),
    }
}

pub(crate) fn active(id: &str) -> QueueEvent {
    QueueEvent::Active {
        job_id: id.to_owned(),
        previous: Some("waiting".to_owned()),
    }
}

pub(crate) fn completed(id: &str, value: &str) -> QueueEvent {
    QueueEvent::Completed {
        job_id: id.to_owned(),
        return_value: value.to_owned(),
        previous: Some("active".to_owned()),
    }
}

pub(crate) fn failed(id: &str, reason: &str) -> QueueEvent {
    QueueEvent::Failed {
        job_id: id.to_owned(),
        reason: reason.to_owned(),
        previous: Some("active".to_owned()),
    }
}

pub(crate) fn waiting_children(id: &str, previous: Option<&str>) -> QueueEvent {
    QueueEvent::WaitingChildren {
        job_id: id.to_owned(),
        previous: previous.map(str::to_owned),
    }
}

pub(crate) fn job_id(event: &QueueEvent) -> Option<&str> {
    match event {
        QueueEvent::Added { job_id, .. }
        | QueueEvent::Waiting { job_id, .. }
        | QueueEvent::Delayed { job_id, .. }
        | QueueEvent::Active { job_id, .. }
        | QueueEvent::Progress { job_id, .. }
        | QueueEvent::Completed { job_id, .. }
        | QueueEvent::Failed { job_id, .. }
        | QueueEvent::RetriesExhausted { job_id, .. }
        | QueueEvent::Stalled { job_id, .. }
        | QueueEvent::WaitingChildren { job_id, .. } => Some(job_id),
        _ => None,
    }
}

/// The events of each job, in order.
pub(crate) fn by_job(events: &[QueueEvent]) -> HashMap<&str, Vec<&QueueEvent>> {
    let mut jobs: HashMap<_, Vec<_>> = HashMap::new();
    for event in events {
        if let Some(id) = job_id(event) {
            jobs.entry(id).or_default().push(event);
        }
    }
    jobs
}

pub(crate) async fn readers(test: &TestQueue) -> usize {
    let list = test.connection.command("CLIENT", vec!["LIST".to_owned()]);
    let Reply::Text(list) = list.await.unwrap() else {
        panic!("not a list of clients");
    };
    let id = test.id.to_string();
    let (prefix, _) = id.rsplit_once(':').unwrap();
    let name = format!(" name={prefix}:cQ==:qe ");
    list.lines().filter(|line| line.contains(&name)).count()
}

/// A queue behind a proxy, and the same queue without it.
pub(crate) async fn behind_proxy() -> (Proxy, TestQueue, TestQueue) {
    let url = shared_url().await;
    let address = url.strip_prefix("redis://").unwrap();
    let proxy = Proxy::start(address).await.unwrap();
    let proxied = TestQueue::at(&proxy.url()).await;
    let mut direct = TestQueue::at(&url).await;
    direct.queue = Queue::new(direct.connection.clone(), proxied.id.clone());
    direct.id = proxied.id.clone();
    (proxy, proxied, direct)
}
