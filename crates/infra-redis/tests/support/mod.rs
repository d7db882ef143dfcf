//! What the tests of this crate share: queues of their own, and processors that tell what they do.
#![allow(dead_code, reason = "every test binary uses a part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use infra_redis::engine::{
    Claimed, Connection, ConnectionSettings, Job, JobContext, JobError, JobOptions, Processor,
    Queue, QueueId, Reply, Worker, WorkerHandle, WorkerSettings,
};
use serde_json::Value;
use testkit::program::eventually;
use tokio::sync::mpsc;

/// A queue that no other test has.
pub(crate) struct TestQueue {
    pub(crate) settings: ConnectionSettings,
    pub(crate) connection: Connection,
    pub(crate) id: QueueId,
    pub(crate) queue: Queue<Value>,
}

impl TestQueue {
    pub(crate) async fn new() -> Self {
        Self::at(&testkit::valkey::shared_url().await).await
    }

    pub(crate) async fn at(url: &str) -> Self {
        let settings = ConnectionSettings::parse(url).unwrap();
        let connection = Connection::open(&settings).await.unwrap();
        let id = QueueId::parse(&testkit::valkey::unique_prefix(), "q").unwrap();
        Self {
            queue: Queue::new(connection.clone(), id.clone()),
            settings,
            connection,
            id,
        }
    }

    pub(crate) async fn add(&self, data: Value) -> String {
        self.queue
            .add("job", &data, &JobOptions::default())
            .await
            .unwrap()
    }

    pub(crate) async fn work<P: Processor>(&self, processor: P) -> WorkerHandle {
        self.work_with(processor, quick()).await
    }

    pub(crate) async fn work_with<P: Processor>(
        &self,
        processor: P,
        settings: WorkerSettings,
    ) -> WorkerHandle {
        Worker::start(&self.settings, self.id.clone(), processor, settings)
            .await
            .unwrap()
    }

    /// Sends a command on one of the queue's keys.
    pub(crate) async fn on(&self, command: &'static str, suffix: &str, args: &[&str]) -> Reply {
        let mut all = vec![format!("{}:{suffix}", self.id)];
        all.extend(args.iter().map(ToString::to_string));
        self.connection.command(command, all).await.unwrap()
    }

    /// The job, once it has finished.
    pub(crate) async fn finished(&self, id: &str) -> Job {
        eventually("the job to finish", || async {
            let job = self.queue.job(id).await.ok()??;
            job.finished_on.is_some().then_some(job)
        })
        .await
    }

    /// Waits until there are so many completed jobs.
    pub(crate) async fn until_completed(&self, count: u64) {
        eventually("jobs to complete", || async {
            (self.queue.counts().await.ok()?.completed >= count).then_some(())
        })
        .await;
    }
}

/// Short locks and intervals, so that what waits for them is soon tested.
pub(crate) fn quick() -> WorkerSettings {
    WorkerSettings {
        lock_duration: Duration::from_millis(800),
        stalled_interval: Duration::from_millis(200),
        ..WorkerSettings::default()
    }
}

/// A processor from a function, which also tells of every job it gets.
pub(crate) struct Telling<F> {
    told: mpsc::UnboundedSender<Claimed<Value>>,
    perform: F,
}

pub(crate) type Told = mpsc::UnboundedReceiver<Claimed<Value>>;

pub(crate) fn telling<F>(perform: F) -> (Telling<F>, Told) {
    let (told, heard) = mpsc::unbounded_channel();
    (Telling { told, perform }, heard)
}

impl<F, Fut> Processor for Telling<F>
where
    F: Fn(Claimed<Value>, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, JobError>> + Send,
{
    type Data = Value;
    type Output = Value;

    async fn process(&self, job: Claimed<Value>, context: &JobContext) -> Result<Value, JobError> {
        // The receiver may be gone at the end of a test.
        let _ = self.told.send(job.clone());
        (self.perform)(job, context.clone()).await
    }
}

/// A processor that returns each job's data.
pub(crate) fn echo() -> (Telling<impl Fn(Claimed<Value>, JobContext) -> Ready>, Told) {
    telling(|job: Claimed<Value>, _context| std::future::ready(Ok(job.data)))
}

pub(crate) type Ready = std::future::Ready<Result<Value, JobError>>;

/// Counts up, and says how often it did.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU32>);

impl Counter {
    pub(crate) fn up(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The next job that the processor is told of.
pub(crate) async fn next(told: &mut Told) -> Claimed<Value> {
    tokio::time::timeout(Duration::from_secs(30), told.recv())
        .await
        .expect("a job within half a minute")
        .expect("a processor")
}
