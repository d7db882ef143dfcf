//! Handing an event to its handlers, each effect exactly once.

use std::sync::{Arc, Mutex};

use application::events::dispatcher::{DispatchError, Dispatcher};
use application::events::fence::Fence;
use application::events::handler::EventHandler;
use application::events::observer::EventObserver;
use domain::analytics::AnalyticsReader;
use domain::{EventKind, StoreError};
use testkit::builders::any_event;
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;

use crate::support::{Does, FakeHandler, FaultyStore, corrupt, unavailable};

fn dispatcher<const N: usize>(store: &FaultyStore, handlers: [&Arc<FakeHandler>; N]) -> Dispatcher {
    let handlers = handlers
        .map(|handler| Arc::clone(handler) as Arc<dyn EventHandler>)
        .into();
    Dispatcher::new(
        Arc::new(store.clone()),
        Arc::new(FixedClock::default()),
        handlers,
    )
}

fn handler(name: &'static str, next: impl IntoIterator<Item = Does>) -> Arc<FakeHandler> {
    Arc::new(FakeHandler::new(name, next))
}

fn store() -> FaultyStore {
    FaultyStore::new(MemoryStore::new())
}

/// How many effects of handlers were committed.
async fn effects(store: &FaultyStore) -> u64 {
    let counts = store.memory.daily().await.unwrap();
    counts.iter().map(|count| count.count).sum()
}

/// What a failure says, and whether it can be mended.
fn said(result: Result<(), DispatchError>) -> (bool, String) {
    let error = result.unwrap_err();
    (error.can_be_mended(), error.to_string())
}

#[tokio::test]
async fn each_handler_acts_once_on_an_event_that_comes_twice() {
    let store = store();
    let (one, two) = (handler("one", []), handler("two", []));
    let dispatcher = dispatcher(&store, [&one, &two]);
    let (event, other) = (any_event(), any_event());
    for event in [&event, &event, &other, &event] {
        dispatcher.dispatch(event).await.unwrap();
    }
    assert_eq!((one.calls(), two.calls()), (2, 2));
    assert_eq!(effects(&store).await, 4);
}

#[tokio::test]
async fn an_event_passes_handlers_it_does_not_concern() {
    let store = store();
    let kinds = &[EventKind::CardAddedToLibrary];
    let deaf = Arc::new(FakeHandler::of(kinds, "deaf", []));
    let keen = handler("keen", []);
    let event = any_event();
    let dispatched = dispatcher(&store, [&deaf, &keen]).dispatch(&event).await;
    dispatched.unwrap();
    assert_eq!((deaf.calls(), keen.calls()), (0, 1));
    // It was not written down as handled either: a later release may be concerned.
    let keen_now = handler("deaf", []);
    let dispatched = dispatcher(&store, [&keen_now]).dispatch(&event).await;
    dispatched.unwrap();
    assert_eq!(keen_now.calls(), 1);
}

#[tokio::test]
async fn one_of_several_handlers_fails() {
    let store = store();
    let first = handler("first", []);
    let failing = handler("failing", [Does::FailForNow, Does::FailForNow]);
    let last = handler("last", []);
    let dispatcher = dispatcher(&store, [&first, &failing, &last]);
    let event = any_event();
    for expected_effects in [2, 2] {
        let failed = dispatcher.dispatch(&event).await;
        let failed = failed.unwrap_err();
        let names: Vec<_> = failed.failures().map(|f| f.handler).collect();
        assert_eq!(names, ["failing"]);
        assert!(failed.can_be_mended());
        assert_eq!(effects(&store).await, expected_effects);
    }
    dispatcher.dispatch(&event).await.unwrap();
    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!((first.calls(), failing.calls(), last.calls()), (1, 3, 1));
    assert_eq!(effects(&store).await, 3);
}

#[tokio::test]
async fn a_failure_that_can_be_mended_outranks_one_that_can_not() {
    for names in [["for now", "for good"], ["for good", "for now"]] {
        let store = store();
        let handlers = names.map(|name| {
            let does = match name {
                "for now" => Does::FailForNow,
                _ => Does::FailForGood,
            };
            handler(name, [does, does])
        });
        let [one, two] = &handlers;
        let failed = dispatcher(&store, [one, two]).dispatch(&any_event()).await;
        assert_eq!(said(failed), (true, "for now".to_owned()));
    }
}

#[tokio::test]
async fn what_can_not_be_mended_is_told_once_the_rest_is() {
    let store = store();
    let good = handler("for good", [Does::FailForGood, Does::FailForGood]);
    let now = handler("for now", [Does::FailForNow]);
    let dispatcher = dispatcher(&store, [&good, &now]);
    let event = any_event();
    let (can_be_mended, _) = said(dispatcher.dispatch(&event).await);
    assert!(can_be_mended);
    let failed = dispatcher.dispatch(&event).await;
    assert_eq!(said(failed), (false, "for good".to_owned()));
    assert_eq!(effects(&store).await, 1);
}

#[tokio::test]
async fn of_failures_of_one_rank_the_first_is_told() {
    for does in [Does::FailForNow, Does::FailForGood] {
        let store = store();
        let (one, two) = (handler("one", [does]), handler("two", [does]));
        let failed = dispatcher(&store, [&one, &two])
            .dispatch(&any_event())
            .await;
        assert_eq!(said(failed).1, "one");
    }
}

#[tokio::test]
async fn dropping_the_future_midway_leaves_nothing_of_the_handler_at_work() {
    let store = store();
    let done = handler("done", []);
    let hanging = handler("hanging", [Does::Hang]);
    let dispatcher = dispatcher(&store, [&done, &hanging]);
    let event = any_event();
    tokio::select! {
        _ = dispatcher.dispatch(&event) => panic!("it should hang"),
        () = hanging.hangs.notified() => {}
    }
    assert_eq!(effects(&store).await, 1, "that of the handler before it");

    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!((done.calls(), hanging.calls()), (1, 2));
    assert_eq!(effects(&store).await, 2);
}

#[tokio::test]
async fn an_effect_that_was_not_committed_is_tried_again() {
    let store = store();
    let one = handler("one", []);
    let dispatcher = dispatcher(&store, [&one]);
    let event = any_event();
    store.fail_next_commit();
    let (can_be_mended, reason) = said(dispatcher.dispatch(&event).await);
    assert!(can_be_mended, "{reason}");
    assert_eq!(effects(&store).await, 0);
    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!((one.calls(), effects(&store).await), (2, 1));
}

#[tokio::test]
async fn storage_that_is_away_can_come_back_and_torn_storage_stays_torn() {
    let cases = [
        (unavailable(), true),
        (StoreError::Conflict("card"), true),
        (corrupt(), false),
    ];
    for (error, expected) in cases {
        let store = store();
        let text = error.to_string();
        store.next_begins([Some(error)]);
        let one = handler("one", []);
        let failed = dispatcher(&store, [&one]).dispatch(&any_event()).await;
        assert_eq!(said(failed), (expected, text));
        assert_eq!(one.calls(), 0);
    }
}

#[tokio::test]
async fn storage_that_is_away_before_anything_was_tried_is_no_attempt() {
    let store = store();
    store.next_begins([Some(corrupt()), Some(unavailable())]);
    let handlers = [handler("one", []), handler("two", [])];
    let failed = dispatcher(&store, handlers.each_ref())
        .dispatch(&any_event())
        .await;
    assert!(failed.as_ref().unwrap_err().is_away(), "{failed:?}");
    store.fail_next_commit();
    let one = handler("one", []);
    let failed = dispatcher(&store, [&one]).dispatch(&any_event()).await;
    let failed = failed.unwrap_err();
    assert!(failed.can_be_mended() && !failed.is_away(), "{failed:?}");
}

#[tokio::test]
async fn an_event_that_comes_again_is_told_of_by_its_handler() {
    let (store, seen) = (store(), Arc::new(Duplicates::default()));
    let (one, two) = (handler("one", []), handler("two", []));
    let dispatcher = dispatcher(&store, [&one, &two]).observed_by(seen.clone());
    let event = any_event();
    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!(seen.take(), [""; 0]);
    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!(seen.take(), ["one", "two"]);
}

/// The handlers to which an event came again.
#[derive(Default)]
struct Duplicates(Mutex<Vec<&'static str>>);

impl Duplicates {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl EventObserver for Duplicates {
    fn duplicate(&self, handler: &'static str) {
        self.0.lock().unwrap().push(handler);
    }
}

/// A fence that has fallen.
struct Fallen;

impl Fence for Fallen {
    fn holds(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn nothing_is_committed_behind_a_fence_that_has_fallen_and_no_other_handler_is_asked() {
    let store = store();
    let (one, two) = (handler("one", []), handler("two", []));
    let dispatcher = dispatcher(&store, [&one, &two]);
    let event = any_event();
    let error = dispatcher
        .dispatch_within(&event, &Fallen)
        .await
        .unwrap_err();
    assert!(error.is_taken());
    assert_eq!((one.calls(), two.calls()), (1, 0));
    assert_eq!(effects(&store).await, 0);
    // Whoever has the event then finds nothing done.
    dispatcher.dispatch(&event).await.unwrap();
    assert_eq!(effects(&store).await, 2);
}
