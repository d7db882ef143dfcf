//! Carrying events from the outbox to the publisher.

use std::sync::Arc;
use std::time::Duration;

use application::events::in_process::InProcessPublisher;
use application::events::relay::RelaySettings;
use async_trait::async_trait;
use domain::event::publisher::PublishError;
use domain::{Clock, EventEnvelope, EventPublisher};
use testkit::builders::any_event;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::{App, SETTINGS, Stage, ids, until_idle};

#[tokio::test(start_paused = true)]
async fn events_are_published_in_the_order_in_which_they_were_recorded() {
    let mut stage = Stage::new();
    let events = [
        any_event(),
        any_event(),
        any_event(),
        any_event(),
        any_event(),
    ];
    stage.record(&events[..2]).await;
    stage.record(&events[2..]).await;
    let _relay = stage.relay(RelaySettings {
        batch: 2,
        ..SETTINGS
    });
    for expected in events.chunks(2) {
        assert_eq!(stage.calls.next_events().await, ids(expected));
    }
    assert_eq!(stage.backlog().await, (0, 0));
    stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_it_at_once() {
    let mut stage = Stage::new();
    let _relay = stage.relay(SETTINGS);
    for _ in 0..3 {
        // It has looked, found nothing, and would sleep for a day.
        until_idle().await;
        let event = any_event();
        let committed = Instant::now();
        stage.record(std::slice::from_ref(&event)).await;
        let call = stage.calls.next().await;
        assert_eq!((call.events, call.at), (vec![event.id], committed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_while_it_publishes_is_not_missed() {
    let mut stage = Stage::new();
    let (first, second) = (any_event(), any_event());
    stage.publisher.hang();
    let _relay = stage.relay(SETTINGS);
    stage.record(std::slice::from_ref(&first)).await;
    assert_eq!(stage.calls.next_events().await, [first.id]);
    let committed = Instant::now();
    stage.record(std::slice::from_ref(&second)).await;
    stage.publisher.answer_one();
    let call = stage.calls.next().await;
    assert_eq!((call.events, call.at), (vec![second.id], committed));
}

#[tokio::test(start_paused = true)]
async fn events_of_another_process_are_found_at_the_next_poll() {
    let mut stage = Stage::new();
    stage.outbox.is_deaf();
    let poll = Duration::from_secs(5);
    let started = Instant::now();
    let _relay = stage.relay(RelaySettings { poll, ..SETTINGS });
    until_idle().await;
    let event = any_event();
    stage.record(std::slice::from_ref(&event)).await;
    let call = stage.calls.next().await;
    assert_eq!(call.events, [event.id]);
    assert_eq!(call.at - started, poll);
}

#[tokio::test(start_paused = true)]
async fn while_the_queues_are_away_it_waits_longer_and_longer_and_then_goes_on() {
    let mut stage = Stage::new();
    let events = [any_event(), any_event()];
    stage.publisher.leave();
    stage.record(&events[..1]).await;
    let _relay = stage.relay(SETTINGS);

    let started = stage.calls.next().await.at;
    // A commit in the middle does not make it hurry.
    stage.record(&events[1..]).await;
    for expected in [50, 150, 350, 750, 1550, 2550, 3550] {
        let call = stage.calls.next().await;
        let after = call.at - started;
        assert_eq!(after, Duration::from_millis(expected));
        assert_eq!(call.events, ids(&events));
    }
    assert_eq!(stage.backlog().await, (2, 0), "nothing is lost or parked");

    stage.publisher.come_back();
    let call = stage.calls.next().await;
    assert_eq!(call.events, ids(&events));
    assert_eq!(call.at - started, Duration::from_millis(4550));
    assert_eq!(stage.backlog().await, (0, 0));

    // The next outage starts with the shortest wait again.
    stage.publisher.leave();
    stage.record(&[any_event()]).await;
    let gone = stage.calls.next().await.at;
    let again = stage.calls.next().await.at;
    assert_eq!(again - gone, SETTINGS.min_backoff);
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_the_middle_of_a_backlog_starts_with_the_shortest_wait() {
    let mut stage = Stage::new();
    stage.record(&[any_event(), any_event()]).await;
    stage.publisher.leave();
    let _relay = stage.relay(RelaySettings {
        batch: 1,
        ..SETTINGS
    });
    for _ in 0..3 {
        stage.calls.next().await;
    }
    stage.publisher.come_back();
    stage.publisher.hang();
    stage.calls.next().await;
    stage.publisher.answer_one();
    // The first is published, and the second is under way.
    let gone = stage.calls.next().await.at;
    stage.publisher.leave();
    stage.publisher.answer_one();
    let again = stage.calls.next().await.at;
    assert_eq!(again - gone, SETTINGS.min_backoff);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_after_the_outbox_could_not_be_read() {
    let mut stage = Stage::new();
    let event = any_event();
    stage.record(std::slice::from_ref(&event)).await;
    stage.outbox.fail_looks(2);
    let started = Instant::now();
    let _relay = stage.relay(SETTINGS);
    let call = stage.calls.next().await;
    assert_eq!(call.events, [event.id]);
    assert_eq!(call.at - started, Duration::from_millis(50 + 100));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_as_published_is_published_again() {
    let mut stage = Stage::new();
    let event = any_event();
    stage.record(std::slice::from_ref(&event)).await;
    stage.outbox.fail_marks(1);
    let _relay = stage.relay(SETTINGS);
    for _ in 0..2 {
        assert_eq!(stage.calls.next_events().await, [event.id]);
    }
    assert_eq!(stage.backlog().await, (0, 0));
    stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_publication_under_way_end_and_be_recorded() {
    let mut stage = Stage::new();
    let events = [any_event(), any_event()];
    stage.record(&events).await;
    stage.publisher.hang();
    let relay = stage.relay(RelaySettings {
        batch: 1,
        ..SETTINGS
    });
    assert_eq!(stage.calls.next_events().await, [events[0].id]);
    relay.stop();
    assert!(!relay.has_ended().await);

    stage.publisher.answer_one();
    assert!(relay.has_ended().await);
    assert_eq!(stage.backlog().await, (1, 0), "the first is recorded");
    stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heard_at_once_while_it_waits() {
    let mut idle = Stage::new();
    let waiting = idle.relay(SETTINGS);
    let hour = Duration::from_hours(1);
    let slow = RelaySettings {
        min_backoff: hour,
        max_backoff: hour,
        ..SETTINGS
    };
    let mut away = Stage::new();
    away.publisher.leave();
    away.record(&[any_event()]).await;
    let backing_off = away.relay(slow);
    away.calls.next().await;
    until_idle().await;

    waiting.stop();
    backing_off.stop();
    assert!(waiting.has_ended().await);
    assert!(backing_off.has_ended().await);
    idle.calls.are_over().await;
    away.calls.are_over().await;
}

/// Publishes, and never comes to say so.
struct DiesAfterPublishing {
    publisher: Arc<dyn EventPublisher>,
    has_published: Arc<Notify>,
}

#[async_trait]
impl EventPublisher for DiesAfterPublishing {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        self.publisher.publish(events).await?;
        self.has_published.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_publishing_and_recording_it_does_no_harm() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    app.save(&ada, "https://example.org/").await;
    let stage = Stage::on(app.store.memory.clone());
    let clock: Arc<dyn Clock> = Arc::new(app.clock.clone());
    let publisher: Arc<dyn EventPublisher> =
        Arc::new(InProcessPublisher::new(&app.store.shared(), &clock));

    let has_published = Arc::new(Notify::new());
    let dying = DiesAfterPublishing {
        publisher: Arc::clone(&publisher),
        has_published: Arc::clone(&has_published),
    };
    let crashed = stage.relay_to(Arc::new(dying), SETTINGS);
    has_published.notified().await;
    drop(crashed);
    assert_eq!(stage.backlog().await, (4, 0), "nothing was recorded");
    let counts = app.analytics.daily().await.unwrap();

    let _relay = stage.relay_to(publisher, SETTINGS);
    assert_eq!(stage.backlog().await, (0, 0));
    assert_eq!(app.analytics.daily().await.unwrap(), counts);
    assert_eq!(app.home(&bob).await, ["https://example.org/"]);
    assert_eq!(app.notifications.unread(bob.id).await.unwrap(), 1);
    assert_eq!(app.notifications.unread(ada.id).await.unwrap(), 1);
}
