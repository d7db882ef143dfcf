//! Workers of BullMQ 5, of BullMQ 6 and of this engine on one queue at the same time.
//!
//! Needs Node and the packages of `tests/interop/node` and `node5`, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod limits;
mod pausing;
mod recovery;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::time::Duration;

use infra_redis::engine::{Processor, Reply, WorkerHandle, WorkerSettings};
use serde_json::{Value, json};
use support::{TestQueue, Told, quick, telling};
use testkit::peer::{Make, Peer};
use testkit::program::eventually;
use testkit::valkey::shared_url;

/// A queue, and both of BullMQ's clients on it.
pub(crate) struct Fleet {
    pub(crate) test: TestQueue,
    pub(crate) five: Member,
    pub(crate) six: Member,
}

/// One of BullMQ's clients.
pub(crate) struct Member(Peer);

/// An entry of the queue's stream of events.
pub(crate) struct Entry {
    /// When the server wrote it, in Unix milliseconds.
    pub(crate) time: u64,
    pub(crate) fields: HashMap<String, String>,
}

impl Fleet {
    /// Nothing where the clients are not installed.
    pub(crate) async fn gather() -> Option<Self> {
        if !(Make::Node5.is_installed() && Make::Node6.is_installed()) {
            return None;
        }
        let test = TestQueue::new().await;
        Some(Self {
            five: Member::join(Make::Node5, &test).await,
            six: Member::join(Make::Node6, &test).await,
            test,
        })
    }

    /// Lets a worker of each client begin; ours keeps each job for `hold` too.
    pub(crate) async fn work(
        &mut self,
        hold: Duration,
        options: Value,
        settings: WorkerSettings,
    ) -> (WorkerHandle, Told) {
        let time = json!(u64::try_from(hold.as_millis()).unwrap());
        self.five.work(&time, options.clone()).await;
        self.six.work(&time, options).await;
        let (processor, told) = holding(hold);
        (self.test.work_with(processor, settings).await, told)
    }

    /// Stops all three workers; which jobs each of them got.
    pub(crate) async fn stop(&mut self, ours: WorkerHandle, told: Told) -> [Vec<String>; 3] {
        ours.stop(Duration::from_secs(5)).await;
        [self.five.stop().await, self.six.stop().await, ids(told)]
    }
}

impl Member {
    pub(crate) async fn join(make: Make, test: &TestQueue) -> Self {
        let url = shared_url().await;
        Self(Peer::start(make, &url, test.id.prefix(), test.id.name()).unwrap())
    }

    pub(crate) async fn ask(&mut self, question: &str) -> Value {
        self.0.ask(&json!({"ask": question})).await.unwrap()
    }

    /// Adds a job; its id.
    pub(crate) async fn add(&mut self, name: &str) -> String {
        let job = json!({"name": name, "data": {}});
        let added = self.0.ask(&json!({"ask": "add", "jobs": [job]})).await;
        added.unwrap()[0].as_str().unwrap().to_owned()
    }

    /// Starts a worker that keeps each job for so many milliseconds, or `for ever`.
    pub(crate) async fn work(&mut self, hold: &Value, options: Value) {
        let question = json!({"ask": "work", "hold": hold, "options": options});
        self.0.ask(&question).await.unwrap();
    }

    /// Which jobs its workers have got, in order.
    pub(crate) async fn worked(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask("worked").await).unwrap()
    }

    /// Stops its workers; which jobs they got, in order.
    pub(crate) async fn stop(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask("stop").await).unwrap()
    }

    pub(crate) async fn kill(&mut self) {
        self.0.kill().await.unwrap();
    }
}

/// A processor that keeps each job for a while.
pub(crate) fn holding(hold: Duration) -> (impl Processor, Told) {
    telling(move |_, _| async move {
        if !hold.is_zero() {
            tokio::time::sleep(hold).await;
        }
        Ok(json!({"by": "rust"}))
    })
}

/// The jobs that a processor was told of.
pub(crate) fn ids(mut told: Told) -> Vec<String> {
    std::iter::from_fn(|| told.try_recv().ok())
        .map(|job| job.id)
        .collect()
}

/// Settings with which a worker finds no work that nobody announces.
pub(crate) fn woken_only() -> WorkerSettings {
    WorkerSettings {
        idle_poll: Duration::from_secs(600),
        ..quick()
    }
}

/// The same for BullMQ's workers.
pub(crate) fn woken_only_options() -> Value {
    json!({"drainDelay": 600})
}

/// Waits until so many workers of the queue sleep until they are woken.
pub(crate) async fn until_asleep(test: &TestQueue, count: usize) {
    let name = format!("name={}:", test.id.prefix());
    eventually("the workers to sleep", || async {
        let list = vec!["LIST".to_owned()];
        let list = test.connection.command("CLIENT", list).await.ok()?;
        let asleep = |line: &&str| line.contains(&name) && line.contains(" flags=b ");
        let Reply::Text(list) = list else { return None };
        (list.lines().filter(asleep).count() == count).then_some(())
    })
    .await;
}

/// Every event of the queue, oldest first.
pub(crate) async fn events(test: &TestQueue) -> Vec<Entry> {
    let text = |reply: &Reply| match reply {
        Reply::Text(text) => text.clone(),
        other => panic!("expected a text: {other:?}"),
    };
    let list = |reply: Reply| match reply {
        Reply::List(items) => items,
        other => panic!("expected a list: {other:?}"),
    };
    let entries = list(test.on("XRANGE", "events", &["-", "+"]).await);
    let entry = |entry| {
        let [id, fields] = <[Reply; 2]>::try_from(list(entry)).unwrap();
        let fields: Vec<_> = list(fields).iter().map(text).collect();
        let pairs = fields.chunks_exact(2);
        Entry {
            time: text(&id).split('-').next().unwrap().parse().unwrap(),
            fields: pairs
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect(),
        }
    };
    entries.into_iter().map(entry).collect()
}

impl Entry {
    pub(crate) fn is(&self, event: &str) -> bool {
        self.fields["event"] == event
    }
}
