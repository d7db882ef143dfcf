//! What the relay does with events that are refused.

use std::sync::Arc;
use std::time::Duration;

use application::events::in_process::InProcessPublisher;
use application::events::relay::RelaySettings;
use domain::Clock;
use domain::event::publisher::Retry;
use testkit::builders::{any_event, event_about};
use testkit::clock::FixedClock;

use crate::support::{FaultyStore, SETTINGS, Stage, corrupt, ids, nobody, unavailable};

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_put_off_for_longer_each_time_and_parked_at_last() {
    let mut stage = Stage::new();
    let event = any_event();
    stage.publisher.refuse(&event, Retry::Later);
    stage.record(std::slice::from_ref(&event)).await;
    let _relay = stage.relay(SETTINGS);
    let started = stage.calls.next().await.at;
    for (tries, expected) in [(1, 1), (2, 3), (3, 7), (4, 15)] {
        assert_eq!(stage.backlog().await, (1, 0), "after {tries} tries");
        let after = stage.calls.next().await.at - started;
        assert_eq!(after, Duration::from_secs(expected));
    }
    assert_eq!(stage.backlog().await, (0, 1), "after the fifth");
    stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_put_off_event_is_not_tried_before_it_is_due_however_busy_it_is() {
    let mut stage = Stage::new();
    let event = any_event();
    stage.publisher.refuse(&event, Retry::Later);
    stage.record(std::slice::from_ref(&event)).await;
    let poll = Duration::from_millis(300);
    let _relay = stage.relay(RelaySettings { poll, ..SETTINGS });
    let refused = stage.calls.next().await.at;
    stage.publisher.accept_all();
    for _ in 0..3 {
        let other = any_event();
        stage.record(std::slice::from_ref(&other)).await;
        assert_eq!(stage.calls.next_events().await, [other.id]);
    }
    let accepted = stage.calls.next().await;
    assert_eq!(accepted.events, [event.id]);
    assert_eq!(accepted.at - refused, SETTINGS.refusal_backoff);
    assert_eq!(stage.backlog().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_for_one_event_makes_none_of_another_process_wait() {
    let mut stage = Stage::new();
    stage.outbox.is_deaf();
    let event = any_event();
    stage.publisher.refuse(&event, Retry::Later);
    stage.record(std::slice::from_ref(&event)).await;
    let poll = Duration::from_secs(5);
    let _relay = stage.relay(RelaySettings {
        poll,
        refusal_backoff: Duration::from_hours(1),
        ..SETTINGS
    });
    let refused = stage.calls.next().await.at;
    let other = any_event();
    stage.record(std::slice::from_ref(&other)).await;
    let call = stage.calls.next().await;
    assert_eq!(call.events, [other.id]);
    assert_eq!(call.at - refused, poll);
}

#[tokio::test(start_paused = true)]
async fn behind_an_event_that_is_given_up_a_refusal_is_ones_own() {
    let mut stage = Stage::new();
    let ada = nobody();
    let events = [event_about(ada), event_about(ada)];
    stage.publisher.refuse(&events[0], Retry::Never);
    stage.publisher.refuse(&events[1], Retry::Later);
    stage.record(&events).await;
    let _relay = stage.relay(SETTINGS);
    let refused = stage.calls.next().await.at;
    let call = stage.calls.next().await;
    assert_eq!(call.events, [events[1].id]);
    assert_eq!(call.at - refused, SETTINGS.refusal_backoff);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_for_ever_is_parked_at_once() {
    let mut stage = Stage::new();
    let events = [any_event(), any_event()];
    stage.publisher.refuse(&events[0], Retry::Never);
    stage.record(&events).await;
    let _relay = stage.relay(SETTINGS);
    assert_eq!(stage.calls.next_events().await, ids(&events));
    assert_eq!(stage.backlog().await, (0, 1), "the other is published");
    stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_holds_up_later_ones_about_the_same_and_no_others() {
    let mut stage = Stage::new();
    let (ada, bob) = (nobody(), nobody());
    let events = [event_about(ada), event_about(ada), event_about(bob)];
    stage.publisher.refuse(&events[0], Retry::Later);
    stage.record(&events[..1]).await;
    let _relay = stage.relay(SETTINGS);
    let refused = stage.calls.next().await.at;
    stage.record(&events[1..]).await;
    assert_eq!(stage.calls.next_events().await, [events[2].id]);

    stage.publisher.accept_all();
    let call = stage.calls.next().await;
    assert_eq!(call.events, ids(&events[..2]));
    assert_eq!(call.at - refused, SETTINGS.refusal_backoff);
    assert_eq!(stage.backlog().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_parked_event_lets_those_behind_it_go() {
    let mut stage = Stage::new();
    let ada = nobody();
    let events = [event_about(ada), event_about(ada)];
    stage.publisher.refuse(&events[0], Retry::Later);
    stage.record(&events[..1]).await;
    let _relay = stage.relay(RelaySettings {
        max_refusals: 2,
        ..SETTINGS
    });
    stage.calls.next().await;
    stage.record(&events[1..]).await;
    // Both are due together; the publisher, which keeps no order, takes the second.
    assert_eq!(stage.calls.next_events().await, ids(&events));
    assert_eq!(stage.backlog().await, (0, 1));
}

/// The in-process publisher keeps the order within an aggregate, and so refuses the second event
/// for the sake of the first. That must not be counted against the second.
#[tokio::test(start_paused = true)]
async fn waiting_for_an_earlier_event_brings_none_nearer_to_being_parked() {
    for was_mended in [true, false] {
        let stage = Stage::new();
        let store = FaultyStore::new(stage.store.clone());
        let ada = nobody();
        let events = [event_about(ada), event_about(ada), event_about(ada)];
        // Each try of the first event fails in the handler of the notifications; feeds and analytics,
        // which come after it, act the first time and pass it over after that.
        let fault = || [Some(unavailable()), None, None];
        store.next_begins(fault().into_iter().chain(fault()));
        if !was_mended {
            store.next_begins(fault());
        }
        stage.record(&events).await;
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
        let publisher = InProcessPublisher::new(&store.shared(), &clock);
        let relay = stage.relay_to(
            Arc::new(publisher),
            RelaySettings {
                max_refusals: 3,
                ..SETTINGS
            },
        );
        assert_eq!(stage.backlog().await, (3, 0));
        tokio::time::sleep(SETTINGS.refusal_backoff * 3).await;
        let parked = u64::from(!was_mended);
        assert_eq!(stage.backlog().await, (0, parked));
        drop(relay);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_behind_one_that_no_handler_can_mend_is_published() {
    let stage = Stage::new();
    let store = FaultyStore::new(stage.store.clone());
    let ada = nobody();
    stage.record(&[event_about(ada), event_about(ada)]).await;
    store.next_begins([Some(corrupt())]);
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
    let publisher = InProcessPublisher::new(&store.shared(), &clock);
    let _relay = stage.relay_to(Arc::new(publisher), SETTINGS);
    assert_eq!(stage.backlog().await, (0, 1));
}
