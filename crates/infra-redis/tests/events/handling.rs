//! From the queues to the handlers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use application::dead_letters::DeadLetters;
use application::events::dispatcher::Dispatcher;
use application::handlers_of;
use application::queues::{QueueName, route};
use domain::analytics::{AnalyticsReader, DailyCount};
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Clock, EventKind, PageRequest, StoreError, UnixMillis};
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{Order, Reply, Worker, WorkerHandle};
use serde_json::{Value, json};
use testkit::builders::{
    NOW, any_event, card_added, card_with_note, card_with_url, curator, envelope, follow,
    password_hash,
};
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use testkit::program::eventually;

use crate::installation::{Installation, as_value, id_of, processor, quick};
use crate::installation::{failing, sound};
use testkit::faulty::{corrupt, unavailable};

async fn stop(worker: WorkerHandle) {
    worker.stop(Duration::from_secs(5)).await;
}

/// How often what was counted.
async fn counted(store: &MemoryStore) -> Vec<(EventKind, u64)> {
    let counts = store.daily().await.unwrap().into_iter();
    let count = |count: DailyCount| (count.kind, count.count);
    counts.map(count).collect()
}

#[tokio::test]
async fn an_event_that_two_jobs_carry_has_its_effect_once() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let event = any_event();
    let worker = installation.count_into(&store).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let again = installation.add(as_value(&event)).await;
    for id in [&id_of(&event), &again] {
        let job = installation.finished(QueueName::Analytics, id).await;
        assert_eq!(job.failed_reason, None);
        assert_eq!(job.return_value.as_deref(), Some("null"));
    }
    // Long after, when the first job may be gone.
    let much_later = installation.add(as_value(&event)).await;
    installation
        .finished(QueueName::Analytics, &much_later)
        .await;
    stop(worker).await;
    assert_eq!(counted(&memory).await, [(event.kind(), 1)]);
}

#[tokio::test]
async fn every_queue_is_worked_by_the_handlers_that_its_events_concern() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let (ada, bob) = (curator(), curator());
    let card = card_with_url(&ada, "https://example.org/");
    let mut work = store.begin().await.unwrap();
    for someone in [&ada, &bob] {
        work.curators()
            .add(someone, &password_hash())
            .await
            .unwrap();
    }
    work.curators().follow(&follow(&bob, &ada)).await.unwrap();
    work.cards().add(&card).await.unwrap();
    work.commit().await.unwrap();

    let event = envelope(card_added(&card));
    installation.publish(std::slice::from_ref(&event)).await;
    for queue in QueueName::ALL {
        let processor = processor(queue, &store, &store, handlers_of(queue));
        let worker = Worker::start(
            &installation.settings,
            installation.id(queue),
            processor,
            quick(),
        );
        let worker = worker.await.unwrap();
        if route(event.kind()).contains(&queue) {
            installation.finished(queue, &id_of(&event)).await;
        }
        stop(worker).await;
    }
    let home = memory.home(bob.id, PageRequest::default()).await;
    assert_eq!(home.unwrap().rows[0].card, card);
    assert_eq!(memory.unread(bob.id).await.unwrap(), 1);
    assert_eq!(counted(&memory).await, [(event.kind(), 1)]);
}

#[tokio::test]
async fn what_can_not_be_decoded_fails_for_good_and_the_worker_goes_on() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let altered = |attribute: &str, value: Value| {
        let mut event = as_value(&envelope(card_added(&card_with_note(&curator(), "a"))));
        event[attribute] = value;
        event
    };
    let cases = [
        (json!("nonsense"), "malformed event envelope"),
        (json!({}), "malformed event envelope at `.`: missing field"),
        (
            altered("type", json!("CardTeleported")),
            "unknown event type `CardTeleported`",
        ),
        (
            altered("specversion", json!("2.0")),
            "expected `1.0`, found `2.0`",
        ),
        (
            altered("data", json!({"cardId": 7})),
            "malformed event envelope at `data.",
        ),
    ];
    let worker = installation.count_into(&store).await;
    for (data, expected) in cases {
        let id = installation.add(data).await;
        let job = installation.finished(QueueName::Analytics, &id).await;
        let reason = job.failed_reason.unwrap();
        assert!(reason.contains(expected), "{reason}");
        assert_eq!((job.attempts_made, job.attempts_started), (1, 1));
    }
    let good = any_event();
    installation.publish(std::slice::from_ref(&good)).await;
    let job = installation
        .finished(QueueName::Analytics, &id_of(&good))
        .await;
    assert_eq!(job.failed_reason, None);
    stop(worker).await;
    let counts = installation
        .queue(QueueName::Analytics)
        .counts()
        .await
        .unwrap();
    assert_eq!((counts.failed, counts.completed), (5, 1));
    assert_eq!(counted(&memory).await, [(good.kind(), 1)]);
}

#[tokio::test]
async fn what_a_newer_release_wrote_waits_for_one_that_can_read_it_and_that_is_no_attempt() {
    let installation = Installation::new().await;
    let (memory, store) = sound();
    let event = any_event();
    let mut newer = as_value(&event);
    newer["dataversion"] = json!(event.kind().version() + 1);
    let worker = installation.count_into(&store).await;
    let id = installation.add(newer).await;
    let queue = installation.queue(QueueName::Analytics);
    eventually("the job to be put off", || async {
        (queue.counts().await.ok()?.delayed == 1).then_some(())
    })
    .await;
    let waiting = queue.job(&id).await.unwrap().unwrap();
    assert_eq!((waiting.attempts_made, waiting.attempts_started), (0, 1));
    assert_eq!((&waiting.failed_reason, waiting.finished_on), (&None, None));
    let Reply::Text(score) = installation.on("ZSCORE", "delayed", &[&id]).await else {
        panic!("it is not delayed");
    };
    // BullMQ keeps the due time in the upper bits.
    let due = Duration::from_millis(score.parse::<u64>().unwrap() >> 12);
    let after = due.saturating_sub(Duration::from_millis(waiting.processed_on.unwrap()));
    let minute = Duration::from_secs(60)..Duration::from_secs(70);
    assert!(minute.contains(&after), "{after:?}");

    // The newer release has come: it reads what stands there, and the time is up.
    installation
        .on("HSET", &id, &["data", &event.to_json()])
        .await;
    installation.on("ZADD", "delayed", &["0", &id]).await;
    let job = installation.finished(QueueName::Analytics, &id).await;
    stop(worker).await;
    assert_eq!((job.attempts_made, job.attempts_started), (1, 2));
    assert_eq!(counted(&memory).await, [(event.kind(), 1)]);
}

#[tokio::test]
async fn what_has_waited_for_a_newer_release_waits_as_long_again_and_says_so() {
    let hour = Duration::from_hours(1);
    for (age, expected) in [(hour / 4, hour / 4), (hour * 5, hour)] {
        let installation = Installation::new().await;
        let (_, store) = sound();
        let event = any_event();
        let mut newer = as_value(&event);
        newer["dataversion"] = json!(event.kind().version() + 1);
        let id = installation.add(newer).await;
        let queue = installation.queue(QueueName::Analytics);
        let added = queue.job(&id).await.unwrap().unwrap().timestamp;
        let clock = FixedClock::at(UnixMillis::new(i64::try_from(added).unwrap()));
        clock.advance(age);
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let handlers = handlers_of(QueueName::Analytics);
        let dispatcher = Dispatcher::new(Arc::clone(&store), Arc::clone(&clock), handlers);
        let letters = DeadLetters::new(store, Arc::clone(&clock));
        let name = QueueName::Analytics;
        let processor = EventProcessor::new(name, dispatcher, letters, clock);
        let queue_id = installation.id(name);
        let worker = Worker::start(&installation.settings, queue_id, processor, quick());
        let worker = worker.await.unwrap();
        eventually("the job to be put off", || async {
            (queue.counts().await.ok()?.delayed == 1).then_some(())
        })
        .await;
        stop(worker).await;
        let job = queue.job(&id).await.unwrap().unwrap();
        assert_eq!(Duration::from_millis(job.delay), expected);
        let logs = queue.logs(&id, 0..10, Order::OldestFirst).await.unwrap();
        assert_eq!(logs.lines.len(), 1);
        assert!(
            logs.lines[0].contains("for a newer release"),
            "{:?}",
            logs.lines
        );
    }
}

#[tokio::test]
async fn storage_that_is_away_for_a_while_costs_no_attempt_and_no_effect() {
    // The first attempt is the last.
    let installation = Installation::set_to(&["analytics.attempts=1"]).await;
    let (memory, store) = failing(2, unavailable);
    let event = any_event();
    let worker = installation.count_into(&store).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let job = installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    stop(worker).await;
    assert_eq!((job.attempts_made, job.attempts_started), (1, 3));
    assert_eq!((job.failed_reason, job.stack_traces), (None, None));
    assert_eq!(counted(&memory).await, [(event.kind(), 1)]);
}

#[tokio::test]
async fn a_failure_that_may_pass_costs_attempts_and_no_effect() {
    let installation = Installation::set_to(&["analytics.backoff=100ms"]).await;
    let (memory, store) = failing(2, conflict);
    let event = any_event();
    let started = Instant::now();
    let worker = installation.count_into(&store).await;
    installation.publish(std::slice::from_ref(&event)).await;
    let job = installation
        .finished(QueueName::Analytics, &id_of(&event))
        .await;
    let elapsed = started.elapsed();
    stop(worker).await;
    assert_eq!(job.attempts_made, 3);
    assert!(elapsed >= Duration::from_millis(100 + 200), "{elapsed:?}");
    assert_eq!(job.return_value.as_deref(), Some("null"));
    let traces: Vec<String> = serde_json::from_str(&job.stack_traces.unwrap()).unwrap();
    let trace = format!("Error: card is taken already\n    at {NOW}");
    assert_eq!(traces, [trace.clone(), trace]);
    assert_eq!(counted(&memory).await, [(event.kind(), 1)]);
}

#[tokio::test]
async fn an_event_fails_when_its_attempts_are_used_up_or_none_can_help() {
    let attempts = &["analytics.backoff=1ms", "analytics.attempts=2"];
    for (error, expected, reason) in [
        (conflict as fn() -> StoreError, 2, "card is taken already"),
        (corrupt, 1, "storage holds an unreadable card"),
    ] {
        let installation = Installation::set_to(attempts).await;
        let (memory, store) = failing(expected, error);
        let event = any_event();
        let worker = installation.count_into(&store).await;
        installation.publish(std::slice::from_ref(&event)).await;
        let job = installation
            .finished(QueueName::Analytics, &id_of(&event))
            .await;
        stop(worker).await;
        assert_eq!(job.attempts_made as usize, expected);
        assert_eq!(job.failed_reason.as_deref(), Some(reason));
        let counts = installation.queue(QueueName::Analytics).counts().await;
        assert_eq!(counts.unwrap().failed, 1, "and kept for the operator");
        assert_eq!(counted(&memory).await, []);
    }
}

fn conflict() -> StoreError {
    StoreError::Conflict("card")
}
