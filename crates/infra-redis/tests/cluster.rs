//! Clusters: what can't be reached in one step is refused with the fix, and the rest works.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{
    Connection, ConnectionSettings, EngineError, Flow, Flows, JobOptions, Queue, QueueId, Worker,
    WorkerSettings, find_queues,
};
use serde_json::{Value, json};
use support::{echo, quick};
use testkit::program::eventually;
use testkit::valkey::{ClusterValkey, PrivateValkey};

#[tokio::test]
async fn queues_without_one_slot_are_refused_with_the_fix_and_the_others_work() {
    let valkey = PrivateValkey::start_cluster().await.unwrap();
    let settings = ConnectionSettings::parse(&valkey.url()).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    let spread = QueueId::parse("bull", "q").unwrap();

    let (processor, _told) = echo();
    let refused = Worker::start(&settings, spread.clone(), processor, quick()).await;
    let Err(EngineError::Option(refused)) = refused else {
        panic!("a worker started")
    };
    assert!(refused.to_string().contains("as in {bull}"), "{refused}");
    let queue = Queue::<Value>::new(connection.clone(), spread);
    let refused = queue
        .add("job", &json!(1), &JobOptions::default())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("as in {bull}"), "{refused}");

    let [one, other] = ["{one}", "{other}"].map(|prefix| QueueId::parse(prefix, "q").unwrap());
    let flows = Flows::new(connection.clone());
    let apart =
        Flow::new(one.clone(), "parent", json!(1)).with_child(Flow::new(other, "child", json!(2)));
    let refused = flows.add(&apart).await.unwrap_err();
    assert!(refused.to_string().contains("different slots"), "{refused}");

    let queue = Queue::<Value>::new(connection, one.clone());
    let (processor, _told) = echo();
    let worker = Worker::start(&settings, one, processor, WorkerSettings { ..quick() });
    let worker = worker.await.unwrap();
    queue
        .add("job", &json!(1), &JobOptions::default())
        .await
        .unwrap();
    eventually("the job to complete", || async {
        (queue.counts().await.ok()?.completed == 1).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn three_nodes_share_queues_by_their_hash_tags_and_no_flow_reaches_across() {
    let valkey = ClusterValkey::start().await.unwrap();
    let settings = ConnectionSettings::parse(&valkey.url()).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    // Their slots are 3300, 7365 and 11298: one on each node.
    let prefixes = ["{b}", "{c}", "{d}"];
    let ids = prefixes.map(|prefix| QueueId::parse(prefix, "q").unwrap());

    let mut queues = Vec::new();
    let mut workers = Vec::new();
    for id in &ids {
        let (processor, _told) = echo();
        let worker = Worker::start(&settings, id.clone(), processor, quick());
        workers.push(worker.await.unwrap());
        let queue = Queue::<Value>::new(connection.clone(), id.clone());
        let flow = Flow::new(id.clone(), "parent", json!(1)).with_child(Flow::new(
            id.clone(),
            "child",
            json!(2),
        ));
        Flows::new(connection.clone()).add(&flow).await.unwrap();
        queues.push(queue);
    }
    for queue in &queues {
        eventually("the flow to complete", || async {
            (queue.counts().await.ok()?.completed == 2).then_some(())
        })
        .await;
    }
    let keys = valkey.keys_by_node().await.unwrap();
    assert!(keys.iter().all(|count| *count > 0), "{keys:?}");
    for (queue, prefix) in queues.iter().zip(prefixes) {
        assert_eq!(queue.workers().await.unwrap().len(), 1, "{prefix}");
        let found = find_queues(&connection, prefix).await.unwrap();
        assert_eq!(found, [queue.id().clone()]);
    }

    let [one, other, _] = ids;
    let apart = Flow::new(one, "parent", json!(1)).with_child(Flow::new(other, "child", json!(2)));
    let refused = Flows::new(connection).add(&apart).await.unwrap_err();
    assert!(refused.to_string().contains("different slots"), "{refused}");
    for worker in workers {
        worker.stop(Duration::from_secs(5)).await;
    }
}
