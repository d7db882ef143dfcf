//! Publishing to handlers in the same process.

use std::sync::Arc;
use std::time::Duration;

use application::dead_letters::{DeadLetters, OutboxRoad, Redrive};
use application::events::in_process::InProcessPublisher;
use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::event::dead_letter::{
    DeadLetter, DeadLetterFilter, FailureClass, LetterState, RedriveError, RedriveRoad,
};
use domain::event::outbox::OutboxReader;
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{Clock, EventEnvelope, EventKind, EventPublisher, StoreError};
use testkit::builders::{NOW, any_event, event_about};

use crate::support::{App, corrupt, nobody, unavailable};

fn publisher(app: &App) -> InProcessPublisher {
    let clock: Arc<dyn Clock> = Arc::new(app.clock.clone());
    InProcessPublisher::new(&app.store.shared(), &clock)
}

/// Bob, who follows Ada, and the event that she saved something; everything before is handled.
async fn saved_for_bob(app: &App) -> (domain::curators::Curator, EventEnvelope) {
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    app.settle().await;
    app.save(&ada, "https://example.org/").await;
    (bob, app.last_envelope())
}

/// Which effects of the saved card there are: in the feed, as notification, in the counts.
async fn effects(app: &App, bob: &domain::curators::Curator) -> (usize, u64, u64) {
    let counts = app.store.memory.daily().await.unwrap();
    let of_kind = |kind| counts.iter().find(move |count| count.kind == kind);
    let counted = of_kind(EventKind::CardAddedToLibrary).map_or(0, |count| count.count);
    let told = app.notifications.unread(bob.id).await.unwrap();
    (app.home(bob).await.len(), told, counted)
}

/// The refusals of a publication.
fn refusals(published: Result<(), PublishError>) -> Vec<Refusal> {
    match published {
        Ok(()) => Vec::new(),
        Err(PublishError::Refused(refusals)) => refusals,
        Err(error @ PublishError::Unavailable(_)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_event_is_published_once_all_its_handlers_have_acted() {
    let app = App::new();
    let (bob, event) = saved_for_bob(&app).await;
    let publisher = publisher(&app);
    publisher
        .publish(std::slice::from_ref(&event))
        .await
        .unwrap();
    assert_eq!(effects(&app, &bob).await, (1, 1, 1));
    // A crash before the outbox knew would bring it again.
    publisher.publish(&[event.clone(), event]).await.unwrap();
    assert_eq!(effects(&app, &bob).await, (1, 1, 1));
}

#[tokio::test]
async fn after_a_failure_only_the_handler_that_failed_acts_again() {
    let app = App::new();
    let (bob, event) = saved_for_bob(&app).await;
    let publisher = publisher(&app);
    // Notifications, then feeds, then analytics.
    app.store.next_begins([None, Some(unavailable()), None]);
    let refused = refusals(publisher.publish(std::slice::from_ref(&event)).await);
    let expected = Refusal {
        event: event.id,
        reason: "feeds: storage is unavailable: the cable is cut".to_owned(),
        retry: Retry::Later,
    };
    assert_eq!(refused, [expected]);
    assert_eq!(effects(&app, &bob).await, (0, 1, 1));

    let before = app.store.committed();
    publisher.publish(&[event]).await.unwrap();
    assert_eq!(app.store.committed() - before, 1);
    assert_eq!(effects(&app, &bob).await, (1, 1, 1));
}

#[tokio::test]
async fn what_no_handler_can_mend_is_refused_for_ever() {
    let app = App::new();
    let (bob, event) = saved_for_bob(&app).await;
    app.store.next_begins([None, Some(corrupt()), None]);
    let refused = refusals(publisher(&app).publish(std::slice::from_ref(&event)).await);
    let expected = Refusal {
        event: event.id,
        reason: "feeds: storage holds an unreadable card: it is torn".to_owned(),
        retry: Retry::Never,
    };
    assert_eq!(refused, [expected]);
    assert_eq!(effects(&app, &bob).await, (0, 1, 1));
}

#[tokio::test]
async fn while_one_handler_can_be_mended_the_event_comes_again() {
    type Fault = fn() -> StoreError;
    let orders: [([Fault; 2], &str); 2] = [
        ([corrupt, unavailable], "feeds: "),
        ([unavailable, corrupt], "notifications: "),
    ];
    for (faults, blamed) in orders {
        let app = App::new();
        let (_, event) = saved_for_bob(&app).await;
        app.store.next_begins(faults.map(|fault| Some(fault())));
        let [refusal] = refusals(publisher(&app).publish(&[event]).await)
            .try_into()
            .unwrap();
        assert_eq!(refusal.retry, Retry::Later);
        assert!(refusal.reason.starts_with(blamed), "{}", refusal.reason);
    }
}

#[tokio::test]
async fn one_refused_event_keeps_no_other_from_being_published() {
    let app = App::new();
    let events = [any_event(), any_event(), any_event()];
    // Notifications, feeds and analytics act on each of them: the second one fails in feeds.
    app.store
        .next_begins([None, None, None, None, Some(unavailable())]);
    let refused = refusals(publisher(&app).publish(&events).await);
    let ids: Vec<_> = refused.iter().map(|refusal| refusal.event).collect();
    assert_eq!(ids, [events[1].id]);
    let counts = app.analytics.daily().await.unwrap();
    assert_eq!(counts[0].count, 3, "counting did not fail");
}

#[tokio::test]
async fn an_event_does_not_overtake_one_about_the_same_that_comes_again() {
    let app = App::new();
    let (ada, bob) = (nobody(), nobody());
    let events = [event_about(ada), event_about(bob), event_about(ada)];
    app.store.next_begins([Some(unavailable())]);
    let publisher = publisher(&app);
    let refused = refusals(publisher.publish(&events).await);
    let held_back = Refusal {
        event: events[2].id,
        reason: format!("waits for event {}", events[0].id),
        retry: Retry::Later,
    };
    assert_eq!(refused[0].event, events[0].id);
    assert_eq!(refused[1..], [held_back]);
    let counted = app.analytics.daily().await.unwrap();
    assert_eq!(counted[0].count, 2, "the first and Bob's were counted");

    publisher.publish(&events).await.unwrap();
    let counted = app.analytics.daily().await.unwrap();
    assert_eq!((counted[0].count, counted[0].day.clone()), (3, NOW.day()));
}

#[tokio::test]
async fn an_event_that_is_given_up_holds_up_nobody() {
    let app = App::new();
    let ada = nobody();
    let events = [event_about(ada), event_about(ada)];
    app.store.next_begins([Some(corrupt())]);
    let refused = refusals(publisher(&app).publish(&events).await);
    let ids: Vec<_> = refused.iter().map(|refusal| refusal.event).collect();
    assert_eq!(ids, [events[0].id]);
}

#[tokio::test]
async fn what_is_given_up_has_a_letter_for_each_handler_that_failed() {
    let app = App::new();
    let (bob, event) = saved_for_bob(&app).await;
    let publisher = publisher(&app);
    // Notifications, then feeds, then analytics.
    app.store
        .next_begins([Some(corrupt()), Some(unavailable()), None]);
    let refused = refusals(publisher.publish(std::slice::from_ref(&event)).await);
    assert_eq!(refused.len(), 1);
    publisher.give_up(&event, 5).await.unwrap();
    let letters = DeadLetters::new(app.store.shared(), Arc::new(app.clock.clone()));
    let mut kept = letters.select(&DeadLetterFilter::default()).await.unwrap();
    kept.sort_by(|one, other| one.failure.work.cmp(&other.failure.work));
    let facts: Vec<_> = kept
        .iter()
        .map(|letter| {
            let failure = &letter.failure;
            let work = &failure.work;
            (work.handler.as_str(), failure.class, failure.attempts)
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("feeds.update", FailureClass::Exhausted, 5),
            ("notifications.in-app", FailureClass::Permanent, 5),
        ]
    );

    // The outbox lets it go again, and the handlers that act resolve their letters.
    let outbox = app.store.memory.clone();
    outbox.park(event.id, "given up").await.unwrap();
    let road = OutboxRoad::new(Arc::new(outbox.clone()), Arc::new(NoRoad));
    let redrive = Redrive::new(letters.clone(), Arc::new(road));
    let ids: Vec<_> = kept.iter().map(|letter| letter.id).collect();
    let report = redrive.send(&ids, Duration::ZERO).await.unwrap();
    assert_eq!((report.sent.len(), report.refused.len()), (2, 0));
    app.settle().await;
    assert_eq!(effects(&app, &bob).await, (1, 1, 1));
    for id in &ids {
        let letter = letters.find(*id).await.unwrap();
        assert_eq!(letter.state, LetterState::Resolved);
    }

    // What has left the outbox takes the other road.
    outbox.mark_published(&[event.id], NOW).await.unwrap();
    let road = OutboxRoad::new(Arc::new(outbox), Arc::new(NoRoad));
    let sent = road.send(&kept[0]).await;
    assert!(matches!(sent, Err(RedriveError::Refused(_))), "{sent:?}");
}

/// There are no queues.
struct NoRoad;

#[async_trait]
impl RedriveRoad for NoRoad {
    async fn send(&self, _letter: &DeadLetter) -> Result<(), RedriveError> {
        Err(RedriveError::Refused("there are no queues".to_owned()))
    }
}
