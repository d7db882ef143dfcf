//! Jobs that fail for good, and how they come back.

use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::{DeadLetters, Redrive};
use application::events::handler::{EventHandler, HandlerError, Progress};
use application::queues::{QueueName, QueueTable};
use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::event::dead_letter::{DeadLetter, DeadLetterFilter, FailureClass, LetterState};
use domain::{EventEnvelope, EventKind, Store, StoreError, UnitOfWork, UnixMillis};
use infra_redis::engine::{ConnectionSettings, JobOptions};
use infra_redis::reconciler::Reconciler;
use infra_redis::redriver::QueueRedriver;
use serde_json::json;
use testkit::builders::{NOW, any_event};
use testkit::clock::FixedClock;
use testkit::faulty::{FaultyStore, corrupt};
use testkit::memory::MemoryStore;
use testkit::program::eventually;
use testkit::proxy::Proxy;
use testkit::valkey::shared_url;
use tokio::sync::{Notify, Semaphore};

use crate::installation::{Installation, as_value, failing, id_of, processor, quick, sound};
use application::handlers_of;
use infra_redis::engine::Worker;

const RETENTION: Duration = Duration::from_hours(24);

pub(crate) fn letters_in(store: &Arc<dyn Store>) -> DeadLetters {
    DeadLetters::new(Arc::clone(store), Arc::new(FixedClock::default()))
}

pub(crate) async fn all(store: &Arc<dyn Store>) -> Vec<DeadLetter> {
    let letters = letters_in(store);
    letters.select(&DeadLetterFilter::default()).await.unwrap()
}

fn redrive(installation: &Installation, store: &Arc<dyn Store>) -> Redrive {
    let road = QueueRedriver::new(
        &installation.connection,
        &installation.prefix,
        &QueueTable::default(),
    );
    Redrive::new(letters_in(store), Arc::new(road))
}

pub(crate) async fn send_all(installation: &Installation, store: &Arc<dyn Store>) {
    let ids: Vec<_> = all(store).await.iter().map(|letter| letter.id).collect();
    let report = redrive(installation, store)
        .send(&ids, Duration::ZERO)
        .await;
    let report = report.unwrap();
    assert_eq!((report.sent, report.refused), (ids, vec![]));
}

pub(crate) fn reconciler(installation: &Installation, store: &Arc<dyn Store>) -> Reconciler {
    let (connection, prefix) = (&installation.connection, &installation.prefix);
    let letters = letters_in(store);
    Reconciler::new(connection, prefix, QueueName::Analytics, letters, RETENTION).unwrap()
}

/// What another attempt may mend.
fn conflict() -> StoreError {
    StoreError::Conflict("card")
}

/// A worker whose handlers fail so often, and whose letters go where nothing fails.
async fn fail(installation: &Installation, event: &EventEnvelope, store: &FaultyStore) {
    let letters: Arc<dyn Store> = Arc::new(store.memory.clone());
    let handlers = handlers_of(QueueName::Analytics);
    let processor = processor(QueueName::Analytics, &store.shared(), &letters, handlers);
    let id = installation.id(QueueName::Analytics);
    let worker = Worker::start(&installation.settings, id, processor, quick());
    let worker = worker.await.unwrap();
    installation.publish(std::slice::from_ref(event)).await;
    installation
        .finished(QueueName::Analytics, &id_of(event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_job_that_failed_for_good_is_kept_with_its_history_and_comes_back_when_it_is_redriven() {
    let settings = ["analytics.backoff=1ms", "analytics.attempts=2"];
    let installation = Installation::set_to(&settings).await;
    let faulty = FaultyStore::new(MemoryStore::new());
    faulty.never_begins(conflict);
    let event = any_event();
    fail(&installation, &event, &faulty).await;

    let store: Arc<dyn Store> = Arc::new(faulty.memory.clone());
    let letters = all(&store).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let failure = &letters[0].failure;
    assert_eq!(failure.work.handler, "analytics.count");
    assert_eq!(
        (failure.class, failure.attempts),
        (FailureClass::Exhausted, 2)
    );
    assert_eq!(failure.payload, event.to_json());
    assert_eq!(failure.reason, "card is taken already");
    let trace = "Error: card is taken already";
    let history: Vec<_> = failure.history.iter().map(|a| (a.at, &*a.trace)).collect();
    assert_eq!(history, [(Some(NOW), trace), (Some(NOW), trace)]);

    // Nothing more is found afterwards.
    assert_eq!(reconciler(&installation, &store).look().await, Ok(0));

    send_all(&installation, &store).await;
    assert_eq!(all(&store).await[0].state, LetterState::Redriven);
    // Once more changes nothing: the job waits.
    send_all(&installation, &store).await;
    let worker = installation.count_into(&store).await;
    eventually("the letter to be resolved", || async {
        (all(&store).await[0].state == LetterState::Resolved).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
    let counts = store.analytics().daily().await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].count, 1);
}

#[tokio::test]
async fn two_operators_who_redrive_a_letter_at_once_send_it_once() {
    let installation = Installation::new().await;
    let faulty = FaultyStore::new(MemoryStore::new());
    faulty.never_begins(corrupt);
    let event = any_event();
    fail(&installation, &event, &faulty).await;
    let store: Arc<dyn Store> = Arc::new(faulty.memory.clone());
    tokio::join!(
        send_all(&installation, &store),
        send_all(&installation, &store)
    );
    let queue = installation.queue(QueueName::Analytics);
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.prioritized, counts.failed), (1, 0));
    assert_eq!(all(&store).await[0].state, LetterState::Redriven);
    let worker = installation.count_into(&store).await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(store.analytics().daily().await.unwrap()[0].count, 1);
    assert_eq!(all(&store).await[0].state, LetterState::Resolved);
}

#[tokio::test]
async fn a_job_does_not_fail_before_its_letter_is_kept() {
    let installation = Installation::new().await;
    // What the handler meets can't be mended, and the letter has nowhere to go.
    let (memory, store) = failing(2, corrupt);
    let event = any_event();
    let worker = installation.count_into(&store).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let queue = installation.queue(QueueName::Analytics);
    eventually("the job to be put off", || async {
        (queue.counts().await.ok()?.delayed == 1).then_some(())
    })
    .await;
    let job = installation
        .job(QueueName::Analytics, &event)
        .await
        .unwrap();
    assert_eq!((job.attempts_made, job.failed_reason), (0, None));
    // Storage is there again.
    installation
        .on("ZADD", "delayed", &["0", &id_of(&event)])
        .await;
    installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    worker.stop(Duration::from_secs(5)).await;
    let store: Arc<dyn Store> = Arc::new(memory);
    assert_eq!(all(&store).await, []);
}

#[tokio::test]
async fn unknown_event_type() {
    let installation = Installation::new().await;
    let (_, store) = sound();
    let event = any_event();
    let mut unknown = as_value(&event);
    unknown["type"] = json!("CardTeleported");
    let worker = installation.count_into(&store).await;
    let id = installation.add(unknown.clone()).await;
    let job = installation.finished(QueueName::Analytics, &id).await;
    assert_eq!((job.attempts_made, job.attempts_started), (1, 1));
    let letters = all(&store).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let failure = &letters[0].failure;
    assert_eq!(failure.class, FailureClass::Undecodable);
    assert_eq!(failure.reason, "unknown event type `CardTeleported`");
    assert_eq!(failure.payload, unknown.to_string(), "as it is");
    assert_eq!((&*failure.work.handler, failure.event), ("", None));

    // Put right by hand, it has its effect.
    let edited = letters_in(&store)
        .edit(letters[0].id, &event.to_json())
        .await;
    assert_eq!(edited.unwrap().original_payload, Some(unknown.to_string()));
    send_all(&installation, &store).await;
    eventually("the event to be counted", || async {
        let counts = store.analytics().daily().await.ok()?;
        (counts.first()?.count == 1).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_the_engine_failed_is_found_afterwards_once() {
    let installation = Installation::new().await;
    let (_, store) = sound();
    let queue = installation.queue(QueueName::Analytics);
    let (stalled, handled) = (any_event(), any_event());
    let worker = installation.count_into(&store).await;
    installation.publish(std::slice::from_ref(&handled)).await;
    installation
        .finished(QueueName::Analytics, &id_of(&handled))
        .await;

    // Data that isn't JSON never reaches the processor, and of a job that lost its worker too
    // often only the reason is left.
    queue.pause().await.unwrap();
    let torn = queue
        .add("Torn", &json!({}), &JobOptions::default())
        .await
        .unwrap();
    installation.on("HSET", &torn, &["data", "{torn"]).await;
    installation.publish(std::slice::from_ref(&stalled)).await;
    let reason = "job stalled more than allowable limit";
    installation
        .on("HSET", &id_of(&stalled), &["defa", reason])
        .await;
    queue.resume().await.unwrap();
    for id in [&torn, &id_of(&stalled)] {
        installation.finished(QueueName::Analytics, id).await;
    }
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(all(&store).await, []);

    let mut first = reconciler(&installation, &store);
    assert_eq!(first.look().await, Ok(2));
    assert_eq!(first.look().await, Ok(0));
    assert_eq!(reconciler(&installation, &store).look().await, Ok(0));
    let mut found: Vec<_> = all(&store)
        .await
        .into_iter()
        .map(|letter| letter.failure)
        .map(|failure| (failure.class, failure.work.handler, failure.payload))
        .collect();
    found.sort();
    let expected = [
        (FailureClass::Undecodable, String::new(), "{torn".to_owned()),
        (
            FailureClass::Stalled,
            "analytics.count".to_owned(),
            stalled.to_json(),
        ),
    ];
    assert_eq!(found, expected);

    // What is not JSON can't be sent as it is.
    let torn = all(&store)
        .await
        .into_iter()
        .find(|l| l.failure.kind == "Torn");
    let redrive = redrive(&installation, &store);
    let report = redrive.send(&[torn.unwrap().id], Duration::ZERO).await;
    let report = report.unwrap();
    assert_eq!(report.sent, []);
    assert!(
        report.refused[0].1.contains("must be edited first"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_stalled_job_that_is_redriven_is_performed() {
    let installation = Installation::new().await;
    let (_, store) = sound();
    let event = any_event();
    installation.publish(std::slice::from_ref(&event)).await;
    let reason = "job stalled more than allowable limit";
    let id = id_of(&event);
    installation.on("HSET", &id, &["defa", reason]).await;
    let worker = installation.count_into(&store).await;
    installation.finished(QueueName::Analytics, &id).await;
    assert_eq!(reconciler(&installation, &store).look().await, Ok(1));
    send_all(&installation, &store).await;
    eventually("the letter to be resolved", || async {
        (all(&store).await[0].state == LetterState::Resolved).then_some(())
    })
    .await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(store.analytics().daily().await.unwrap()[0].count, 1);
}

/// Fails for good, once it is told to; tells that it was started.
struct FailsForGood {
    started: Arc<Notify>,
    go_on: Arc<Semaphore>,
}

#[async_trait]
impl EventHandler for FailsForGood {
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
        _envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        _work: &mut dyn UnitOfWork,
        _now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        self.started.notify_one();
        let _told = self.go_on.acquire().await;
        Err(HandlerError::Permanent("it is hopeless".into()))
    }
}

#[tokio::test]
async fn a_worker_lost_between_the_letter_and_the_failure_leaves_one_letter() {
    let url = shared_url().await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let installation = Installation::new().await;
    let (_, store) = sound();
    let event = any_event();
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let worker = async |settings: &ConnectionSettings| {
        let handler: Arc<dyn EventHandler> = Arc::new(FailsForGood {
            started: Arc::clone(&started),
            go_on: Arc::clone(&go_on),
        });
        let processor = processor(QueueName::Analytics, &store, &store, vec![handler]);
        let id = installation.id(QueueName::Analytics);
        let worker = Worker::start(settings, id, processor, quick());
        worker.await.unwrap()
    };
    let lost = worker(&ConnectionSettings::parse(&proxy.url()).unwrap()).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let soon = Duration::from_secs(30);
    tokio::time::timeout(soon, started.notified())
        .await
        .unwrap();
    // From here on Valkey hears nothing of it any more, and storage does.
    proxy.freeze();
    go_on.add_permits(1000);
    eventually("the letter to be kept", || async {
        (all(&store).await.len() == 1).then_some(())
    })
    .await;
    let queue = installation.queue(QueueName::Analytics);
    assert_eq!(queue.counts().await.unwrap().failed, 0);

    let other = worker(&installation.settings).await;
    let job = installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    assert_eq!(job.failed_reason.as_deref(), Some("it is hopeless"));
    let letters = all(&store).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].revision > 1, "it failed twice");
    assert_eq!(reconciler(&installation, &store).look().await, Ok(0));
    other.stop(Duration::from_secs(5)).await;
    lost.stop_claiming();
}
