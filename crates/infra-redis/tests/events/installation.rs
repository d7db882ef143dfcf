//! All queues under a prefix of their own, a publisher to them, and workers of the analytics.

use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::DeadLetters;
use application::events::dispatcher::Dispatcher;
use application::events::handler::EventHandler;
use application::handlers_of;
use application::queues::{QueueName, QueueTable};
use domain::{Clock, EventEnvelope, EventPublisher, Store, StoreError};
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{
    Connection, ConnectionSettings, Job, JobOptions, Queue, QueueId, Reply, Worker, WorkerHandle,
    WorkerSettings,
};
use infra_redis::publisher::QueuePublisher;
use serde_json::Value;
use testkit::clock::FixedClock;
use testkit::faulty::FaultyStore;
use testkit::memory::MemoryStore;
use testkit::program::eventually;
use testkit::valkey::{shared_url, unique_prefix};

/// An installation that no other test has: all queues, and a publisher to them.
pub(crate) struct Installation {
    pub(crate) settings: ConnectionSettings,
    pub(crate) connection: Connection,
    pub(crate) prefix: String,
    pub(crate) publisher: QueuePublisher,
}

impl Installation {
    pub(crate) async fn new() -> Self {
        Self::set_to(&[]).await
    }

    pub(crate) async fn set_to(settings: &[&str]) -> Self {
        Self::at(&shared_url().await, settings).await
    }

    pub(crate) async fn at(url: &str, changed: &[&str]) -> Self {
        let settings = ConnectionSettings::parse(url).unwrap();
        let connection = Connection::open(&settings).await.unwrap();
        let prefix = unique_prefix();
        let changes = changed.iter().map(|setting| setting.parse().unwrap());
        let table = changes.fold(QueueTable::default(), QueueTable::with);
        Self {
            publisher: QueuePublisher::new(&connection, &prefix, &table).unwrap(),
            settings,
            connection,
            prefix,
        }
    }

    pub(crate) fn id(&self, name: QueueName) -> QueueId {
        QueueId::parse(&self.prefix, name.as_str()).unwrap()
    }

    pub(crate) fn queue(&self, name: QueueName) -> Queue<Value> {
        Queue::new(self.connection.clone(), self.id(name))
    }

    pub(crate) async fn publish(&self, events: &[EventEnvelope]) {
        self.publisher.publish(events).await.unwrap();
    }

    pub(crate) async fn job(&self, name: QueueName, event: &EventEnvelope) -> Option<Job> {
        let job = self.queue(name).job(&event.id.to_string()).await;
        job.unwrap()
    }

    /// The job of an event, once it has finished.
    pub(crate) async fn finished(&self, name: QueueName, id: &str) -> Job {
        let queue = self.queue(name);
        eventually("the job to finish", || async {
            let job = queue.job(id).await.ok()??;
            job.finished_on.is_some().then_some(job)
        })
        .await
    }

    /// Adds something to the analytics that no publisher added; its id.
    pub(crate) async fn add(&self, data: Value) -> String {
        let options = JobOptions {
            attempts: 3,
            ..JobOptions::default()
        };
        let queue = self.queue(QueueName::Analytics);
        queue.add("anything", &data, &options).await.unwrap()
    }

    /// Sends a command.
    pub(crate) async fn command(&self, command: &'static str, args: &[&str]) -> Reply {
        let args = args.iter().map(ToString::to_string).collect();
        self.connection.command(command, args).await.unwrap()
    }

    /// Sends a command on a key of the analytics.
    pub(crate) async fn on(&self, command: &'static str, suffix: &str, args: &[&str]) -> Reply {
        let mut all = vec![format!("{}:{suffix}", self.id(QueueName::Analytics))];
        all.extend(args.iter().map(ToString::to_string));
        self.connection.command(command, all).await.unwrap()
    }

    /// Works the analytics with these handlers.
    pub(crate) async fn work(
        &self,
        store: &Arc<dyn Store>,
        handlers: Vec<Arc<dyn EventHandler>>,
    ) -> WorkerHandle {
        let processor = processor(QueueName::Analytics, store, store, handlers);
        let worker = Worker::start(
            &self.settings,
            self.id(QueueName::Analytics),
            processor,
            quick(),
        );
        worker.await.unwrap()
    }

    /// Works the analytics as the analytics worker does.
    pub(crate) async fn count_into(&self, store: &Arc<dyn Store>) -> WorkerHandle {
        self.work(store, handlers_of(QueueName::Analytics)).await
    }
}

/// A processor whose handlers work on `store`, and that keeps dead letters in `letters`.
pub(crate) fn processor(
    queue: QueueName,
    store: &Arc<dyn Store>,
    letters: &Arc<dyn Store>,
    handlers: Vec<Arc<dyn EventHandler>>,
) -> EventProcessor {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
    let dispatcher = Dispatcher::new(Arc::clone(store), Arc::clone(&clock), handlers);
    let letters = DeadLetters::new(Arc::clone(letters), Arc::clone(&clock));
    EventProcessor::new(queue, dispatcher, letters, clock)
}

/// Short locks and intervals, so that what waits for them is soon tested.
pub(crate) fn quick() -> WorkerSettings {
    WorkerSettings {
        concurrency: 2,
        lock_duration: Duration::from_millis(800),
        stalled_interval: Duration::from_millis(200),
        idle_poll: Duration::from_millis(50),
        ..WorkerSettings::default()
    }
}

pub(crate) fn id_of(event: &EventEnvelope) -> String {
    event.id.to_string()
}

pub(crate) fn as_value(event: &EventEnvelope) -> Value {
    serde_json::from_str(&event.to_json()).unwrap()
}

/// Storage whose first units of work fail like this.
pub(crate) fn failing(failures: usize, error: fn() -> StoreError) -> (MemoryStore, Arc<dyn Store>) {
    let store = FaultyStore::new(MemoryStore::new());
    store.next_begins((0..failures).map(|_| Some(error())));
    (store.memory.clone(), store.shared())
}

/// Storage that never fails.
pub(crate) fn sound() -> (MemoryStore, Arc<dyn Store>) {
    let memory = MemoryStore::new();
    (memory.clone(), Arc::new(memory))
}
