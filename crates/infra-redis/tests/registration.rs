//! Workers and readers of events show themselves by the names of their connections.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{
    Queue, QueueEvents, QueueId, ReadFrom, RegisteredWorker, Reply, WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, echo, next, quick, telling};
use testkit::program::eventually;
use testkit::proxy::Proxy;
use testkit::valkey::{PrivateValkey, shared_url};

fn named(name: &str) -> WorkerSettings {
    WorkerSettings {
        name: Some(name.to_owned()),
        ..quick()
    }
}

/// The queue's workers, once there are so many.
async fn workers(queue: &Queue<Value>, count: usize) -> Vec<RegisteredWorker> {
    eventually("the workers to be listed", || async {
        let workers = queue.workers().await.ok()?;
        (workers.len() == count).then_some(workers)
    })
    .await
}

/// How many connections are named like this.
async fn connections(test: &TestQueue, name: &str) -> usize {
    let list = test.connection.command("CLIENT", vec!["LIST".to_owned()]);
    let Reply::Text(list) = list.await.unwrap() else {
        panic!("not a list of clients");
    };
    let named = format!(" name={name} ");
    list.lines().filter(|line| line.contains(&named)).count()
}

#[tokio::test]
async fn workers_are_listed_with_their_names_until_they_stop() {
    let test = TestQueue::new().await;
    let (first, second) = (echo().0, echo().0);
    let with_name = test.work_with(first, named("rust-1")).await;
    let without_name = test.work(second).await;
    let listed = workers(&test.queue, 2).await;
    let mut names: Vec<_> = listed.iter().map(|worker| worker.name.as_deref()).collect();
    names.sort_unstable();
    assert_eq!(names, [None, Some("rust-1")]);
    for worker in &listed {
        assert!(worker.address.contains(':'), "{worker:?}");
        assert!(worker.id > 0 && worker.idle < Duration::from_secs(60));
    }

    with_name.stop(Duration::from_secs(5)).await;
    let left = workers(&test.queue, 1).await;
    assert_eq!(left[0].name, None);
    without_name.stop(Duration::from_secs(5)).await;
    workers(&test.queue, 0).await;
}

#[tokio::test]
async fn only_a_queues_own_workers_are_listed() {
    let test = TestQueue::new().await;
    let other = TestQueue::new().await;
    let worker = other.work_with(echo().0, named("elsewhere")).await;
    workers(&other.queue, 1).await;
    assert_eq!(test.queue.workers().await.unwrap(), []);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_whose_name_no_connection_can_have_is_listed_without() {
    let test = TestQueue::new().await;
    let worker = test.work_with(echo().0, named("my worker")).await;
    assert_eq!(workers(&test.queue, 1).await[0].name, None);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn workers_are_listed_again_after_their_connections_were_cut() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let proxied = TestQueue::at(&proxy.url()).await;
    let direct = TestQueue::at(&url).await;
    let queue = Queue::<Value>::new(direct.connection.clone(), proxied.id.clone());
    // One waits for jobs; the other is at work and does not wait, all the time.
    let idle = proxied.work_with(echo().0, named("idle")).await;
    workers(&queue, 1).await;
    for _ in 0..3 {
        let before = workers(&queue, 1).await;
        proxy.cut();
        eventually("the worker to be listed again", || async {
            let after = queue.workers().await.ok()?;
            let is_new = after.len() == 1 && after[0].id != before[0].id;
            (is_new && after[0].name.as_deref() == Some("idle")).then_some(())
        })
        .await;
    }
    idle.stop(Duration::from_secs(5)).await;

    let (processor, mut told) = telling(async |_, _| std::future::pending().await);
    let busy = proxied.work_with(processor, named("busy")).await;
    queue
        .add(
            "job",
            &json!(1),
            &infra_redis::engine::JobOptions::default(),
        )
        .await
        .unwrap();
    next(&mut told).await;
    let before = workers(&queue, 1).await;
    proxy.cut();
    eventually("the busy worker to be listed again", || async {
        let after = queue.workers().await.ok()?;
        (after.len() == 1 && after[0].id != before[0].id).then_some(())
    })
    .await;
    busy.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn workers_are_listed_again_after_valkey_was_started_again() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    let worker = test.work_with(echo().0, named("rust")).await;
    workers(&test.queue, 1).await;
    valkey.kill().await.unwrap();
    valkey.restart().await.unwrap();
    let listed = workers(&test.queue, 1).await;
    assert_eq!(listed[0].name.as_deref(), Some("rust"));
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_worker_stops_while_valkey_is_away() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let test = TestQueue::at(&valkey.url()).await;
    let hour = Duration::from_secs(3600);
    let settings = WorkerSettings {
        idle_poll: hour,
        ..quick()
    };
    let worker = test.work_with(echo().0, settings).await;
    workers(&test.queue, 1).await;
    valkey.kill().await.unwrap();
    let stopped = tokio::time::timeout(
        Duration::from_secs(30),
        worker.stop(Duration::from_millis(100)),
    );
    stopped.await.expect("the worker to stop");
}

#[tokio::test]
async fn a_reader_of_events_is_listed_as_one() {
    let test = TestQueue::new().await;
    let events = QueueEvents::open(&test.settings, &test.id, ReadFrom::Now)
        .await
        .unwrap();
    // `cQ==` is the queue's name, `q`.
    let (prefix, _) = test.id.to_string().rsplit_once(':').map(owned).unwrap();
    let name = format!("{prefix}:cQ==:qe");
    assert_eq!(connections(&test, &name).await, 1);
    assert_eq!(test.queue.workers().await.unwrap(), []);
    events.stop().await;
    eventually("the connection to be closed", || async {
        (connections(&test, &name).await == 0).then_some(())
    })
    .await;
}

fn owned((prefix, name): (&str, &str)) -> (String, String) {
    (prefix.to_owned(), name.to_owned())
}

#[tokio::test]
async fn node_lists_our_workers_with_their_names() {
    if !testkit::bullmq::is_installed() {
        return;
    }
    let mut test = TestQueue::new().await;
    let prefix = testkit::valkey::unique_prefix();
    test.id = QueueId::parse(&prefix, "grüße").unwrap();
    let with_name = test.work_with(echo().0, named("rust-1")).await;
    let without_name = test.work(echo().0).await;
    let events = QueueEvents::open(&test.settings, &test.id, ReadFrom::Now)
        .await
        .unwrap();
    let url = shared_url().await;
    let seen =
        testkit::bullmq::run_file("events.js", "workers", &url, &prefix, test.id.name(), 0).await;
    let seen = seen.unwrap();
    let mut names: Vec<_> = seen["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|worker| worker["rawname"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let base = format!("{prefix}:Z3LDvMOfZQ==");
    assert_eq!(names, [base.clone(), format!("{base}:w:rust-1")]);
    assert_eq!(seen["readers"].as_array().unwrap().len(), 1, "{seen:#}");
    events.stop().await;
    with_name.stop(Duration::from_secs(5)).await;
    without_name.stop(Duration::from_secs(5)).await;
}
