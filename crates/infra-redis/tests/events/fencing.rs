//! What a handler has done when its job is taken away or cancelled is not committed.

use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::DeadLetters;
use application::events::handler::{EventHandler, HandlerError, Progress};
use application::jobs::{CancelError, CancelJob, Cancelled};
use application::queues::QueueName;
use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::curators::CuratorId;
use domain::event::dead_letter::{FailureClass, LetterState};
use domain::{Clock, EventEnvelope, EventKind, Store, UnitOfWork, UnixMillis};
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{
    Claimed, ConnectionSettings, JobContext, JobError, Processor, Reply, Worker,
};
use infra_redis::jobs::QueueJobs;
use testkit::builders::any_event;
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use testkit::program::eventually;
use testkit::proxy::Proxy;
use testkit::valkey::shared_url;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::dead_letters::{all, reconciler, send_all};
use crate::installation::{Installation, id_of, processor, quick, sound};

/// Counts an event, and then waits for leave to be done with it. It knows no token: what stops it is
/// not its doing.
struct Slow {
    began: Notify,
    leave: Semaphore,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Notify::new(),
            leave: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl EventHandler for Slow {
    fn name(&self) -> &'static str {
        "analytics.count"
    }

    fn reacts_to(&self, _kind: EventKind) -> bool {
        true
    }

    fn bears_repetition(&self) -> bool {
        false
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        let (kind, at) = (envelope.kind(), envelope.occurred_at);
        work.analytics().count(kind, at).await?;
        self.began.notify_one();
        self.leave.acquire().await.unwrap().forget();
        Ok(Progress::Done)
    }
}

async fn counted(memory: &MemoryStore) -> u64 {
    let counts = memory.daily().await.unwrap();
    counts.iter().map(|count| count.count).sum()
}

fn cancelling(installation: &Installation, store: &Arc<dyn Store>) -> CancelJob {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
    let jobs = QueueJobs::new(
        &installation.connection,
        &installation.prefix,
        Arc::clone(&clock),
    );
    let letters = DeadLetters::new(Arc::clone(store), clock);
    CancelJob::new(Arc::new(jobs), letters)
}

#[tokio::test]
async fn what_a_worker_does_whose_connection_is_frozen_is_not_committed_and_another_does_it_once() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap());
    let proxy = proxy.await.unwrap();
    let installation = Installation::at(&url, &[]).await;
    let (memory, store) = sound();
    let slow = Slow::new();
    let id = installation.id(QueueName::Analytics);
    let frozen = processor(QueueName::Analytics, &store, &store, vec![slow.clone()]);
    let settings = ConnectionSettings::parse(&proxy.url()).unwrap();
    let frozen = Worker::start(&settings, id, frozen, quick()).await.unwrap();
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    slow.began.notified().await;
    proxy.freeze();

    let sound = installation.count_into(&store).await;
    let job = installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    assert_eq!(job.failed_reason, None);
    slow.leave.add_permits(1);
    let report = frozen.stop(Duration::ZERO).await;
    assert_eq!(report.finished, 0, "{report:?}");
    assert_eq!(counted(&memory).await, 1);
    sound.stop(Duration::from_secs(5)).await;
    assert_eq!(all(&store).await, []);
}

#[tokio::test]
async fn what_a_handler_did_is_not_committed_once_its_lock_was_taken_away() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let slow = Slow::new();
    let worker = installation.work(&store, vec![slow.clone()]).await;
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    slow.began.notified().await;
    let lock = format!("{}:lock", id_of(&event));
    installation.on("DEL", &lock, &[]).await;
    // The job stalls, and this worker takes it again in its other slot.
    slow.began.notified().await;
    assert_eq!(counted(&memory).await, 0);
    slow.leave.add_permits(2);
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(counted(&memory).await, 1);
}

#[tokio::test]
async fn a_job_that_is_cancelled_at_work_has_no_effect_and_a_letter_that_can_be_redriven() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let slow = Slow::new();
    let worker = installation.work(&store, vec![slow.clone()]).await;
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    slow.began.notified().await;
    let cancelled = cancelling(&installation, &store)
        .cancel(QueueName::Analytics, &id_of(&event), Some("by Ada"))
        .await;
    assert_eq!(cancelled.unwrap(), Cancelled::Asked);
    let job = installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    assert_eq!(job.failed_reason.as_deref(), Some("cancelled: by Ada"));
    assert_eq!(counted(&memory).await, 0);
    let letters = all(&store).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let failure = &letters[0].failure;
    assert_eq!(failure.class, FailureClass::Cancelled);
    assert_eq!(failure.reason, "cancelled: by Ada");
    // Together: who sends notes it in the storage, which the handler may have by then.
    let leave = async {
        slow.began.notified().await;
        slow.leave.add_permits(1);
    };
    tokio::join!(send_all(&installation, &store), leave);
    eventually("the letter to be resolved", || async {
        (all(&store).await[0].state == LetterState::Resolved).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(counted(&memory).await, 1);
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_waits_has_a_letter_at_once_and_none_if_it_has_finished() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    let cancel = async |id: &str| {
        let jobs = cancelling(&installation, &store);
        jobs.cancel(QueueName::Analytics, id, None).await
    };
    assert_eq!(cancel(&id_of(&event)).await.unwrap(), Cancelled::AtOnce);
    let letters = all(&store).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let failure = &letters[0].failure;
    assert_eq!(failure.work.handler, "analytics.count");
    assert_eq!(failure.class, FailureClass::Cancelled);
    assert_eq!((&*failure.reason, failure.attempts), ("cancelled", 0));

    let late = cancel(&id_of(&event)).await;
    assert!(matches!(late, Err(CancelError::Finished(_))), "{late:?}");
    let unknown = cancel("nobody").await;
    assert!(
        matches!(unknown, Err(CancelError::Unknown { .. })),
        "{unknown:?}"
    );
    assert_eq!(all(&store).await.len(), 1);

    let worker = installation.count_into(&store).await;
    send_all(&installation, &store).await;
    eventually("the event to be counted", || async {
        (counted(&memory).await == 1).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_job_that_was_cancelled_in_its_queue_alone_is_found_among_the_failed_ones() {
    let installation = Installation::new().await;
    let (_, store) = sound();
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    let queue = installation.queue(QueueName::Analytics);
    queue.cancel(&id_of(&event), Some("by Ada")).await.unwrap();
    assert_eq!(reconciler(&installation, &store).look().await, Ok(1));
    let failure = all(&store).await.remove(0).failure;
    assert_eq!(failure.class, FailureClass::Cancelled);
    assert_eq!(failure.reason, "cancelled: by Ada");
    assert_eq!(failure.event, Some(event.id));
}

/// Counts an event, and then holds its thread until it is let go: nothing can drop it meanwhile.
struct Blocking {
    began: Notify,
    leave: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

#[async_trait]
impl EventHandler for Blocking {
    fn name(&self) -> &'static str {
        "analytics.count"
    }

    fn reacts_to(&self, _kind: EventKind) -> bool {
        true
    }

    fn bears_repetition(&self) -> bool {
        false
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        let (kind, at) = (envelope.kind(), envelope.occurred_at);
        work.analytics().count(kind, at).await?;
        self.began.notify_one();
        self.leave.lock().unwrap().recv().unwrap();
        Ok(Progress::Done)
    }
}

/// Tells of the end of each attempt.
struct Telling {
    processor: EventProcessor,
    ended: mpsc::UnboundedSender<Result<(), String>>,
}

impl Processor for Telling {
    type Data = <EventProcessor as Processor>::Data;
    type Output = ();

    async fn process(
        &self,
        job: Claimed<Self::Data>,
        context: &JobContext,
    ) -> Result<(), JobError> {
        let result = self.processor.process(job, context).await;
        let told = match &result {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let _ = self.ended.send(told);
        result
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_can_not_be_told_anything_does_not_commit_once_its_lock_has_run_out() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap());
    let proxy = proxy.await.unwrap();
    let installation = Installation::at(&url, &[]).await;
    let (memory, store) = sound();
    let (leave, left) = std::sync::mpsc::channel();
    let handler = Arc::new(Blocking {
        began: Notify::new(),
        leave: std::sync::Mutex::new(left),
    });
    let (ended, mut attempts) = mpsc::unbounded_channel();
    let processor = Telling {
        processor: processor(QueueName::Analytics, &store, &store, vec![handler.clone()]),
        ended,
    };
    let settings = ConnectionSettings::parse(&proxy.url()).unwrap();
    let id = installation.id(QueueName::Analytics);
    let frozen = Worker::start(&settings, id, processor, quick());
    let _frozen = frozen.await.unwrap();
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    handler.began.notified().await;
    proxy.freeze();
    let lock = format!("{}:lock", id_of(&event));
    eventually("the lock to run out", || async {
        (installation.on("EXISTS", &lock, &[]).await == Reply::Int(0)).then_some(())
    })
    .await;
    leave.send(()).unwrap();
    let reason = "the job was taken from this worker".to_owned();
    assert_eq!(attempts.recv().await, Some(Err(reason)));
    assert_eq!(counted(&memory).await, 0);

    let sound = installation.count_into(&store).await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    assert_eq!(counted(&memory).await, 1);
    sound.stop(Duration::from_secs(5)).await;
}
