//! Publishing again what was lost with the queues' data.

use std::sync::{Arc, Mutex};

use application::events::observer::EventObserver;
use application::events::recovery::{Recovery, RecoveryError};
use async_trait::async_trait;
use domain::event::generation::{Generations, QueueData};
use domain::store::BoxError;
use testkit::builders::any_event;

use crate::support::{Stage, ids, until_idle};

/// Queues whose data is what the test says, or that are away.
#[derive(Default)]
struct FakeData(Mutex<Option<&'static str>>);

impl FakeData {
    fn is(&self, identity: &'static str) {
        *self.0.lock().unwrap() = Some(identity);
    }
}

#[async_trait]
impl QueueData for FakeData {
    async fn identity(&self) -> Result<String, BoxError> {
        let identity = *self.0.lock().unwrap();
        identity.map(str::to_owned).ok_or_else(|| "away".into())
    }
}

/// Counts what is published again.
#[derive(Default)]
struct Again(Mutex<u64>);

impl EventObserver for Again {
    fn published_again(&self, events: u64) {
        *self.0.lock().unwrap() += events;
    }
}

struct Recovering {
    stage: Stage,
    data: Arc<FakeData>,
    again: Arc<Again>,
    recovery: Arc<Recovery>,
}

impl Recovering {
    fn new() -> Self {
        let stage = Stage::new();
        let (data, again) = (Arc::new(FakeData::default()), Arc::new(Again::default()));
        let recovery = Recovery::new(
            Arc::clone(&data) as Arc<dyn QueueData>,
            Arc::new(stage.store.clone()),
            Arc::clone(&again) as Arc<dyn EventObserver>,
        );
        Self {
            stage,
            data,
            again,
            recovery: Arc::new(recovery),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_handled_is_published_again_when_the_data_is_other_data() {
    let mut test = Recovering::new();
    test.data.is("first");
    let events = [any_event(), any_event()];
    test.stage.record(&events).await;
    let _relay = test.stage.relay_recovered_by(&test.recovery);
    assert_eq!(test.stage.calls.next_events().await, ids(&events));
    until_idle().await;
    assert_eq!(test.recovery.recover().await.unwrap(), 0);
    test.stage.calls.are_over().await;

    test.data.is("second");
    assert_eq!(test.recovery.recover().await.unwrap(), 2);
    assert_eq!(test.stage.calls.next_events().await, ids(&events));
    assert_eq!(test.recovery.recover().await.unwrap(), 0);
    test.stage.calls.are_over().await;
    assert_eq!(*test.again.0.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_published_while_the_data_changes_is_published_once_more() {
    let mut test = Recovering::new();
    test.data.is("first");
    let event = any_event();
    test.stage.record(std::slice::from_ref(&event)).await;
    test.stage.publisher.hang();
    let _relay = test.stage.relay_recovered_by(&test.recovery);
    assert_eq!(test.stage.calls.next_events().await, [event.id]);

    // Another process has noticed, and has looked through what was published by then.
    test.data.is("second");
    test.stage.store.generation("second").await.unwrap();
    test.stage.publisher.answer_one();
    assert_eq!(test.stage.calls.next_events().await, [event.id]);
    assert_eq!(test.stage.backlog().await, (1, 0));
    test.stage.publisher.answer_one();
    assert_eq!(test.stage.backlog().await, (0, 0));
    test.stage.calls.are_over().await;
}

#[tokio::test(start_paused = true)]
async fn events_wait_until_it_is_known_what_the_queues_hold() {
    let mut test = Recovering::new();
    let event = any_event();
    test.stage.record(std::slice::from_ref(&event)).await;
    let _relay = test.stage.relay_recovered_by(&test.recovery);
    assert_eq!(test.stage.backlog().await, (1, 0));
    let looked = test.recovery.recover().await;
    assert!(matches!(looked, Err(RecoveryError::Away(_))), "{looked:?}");
    test.data.is("first");
    assert_eq!(test.stage.calls.next_events().await, [event.id]);
    assert_eq!(test.stage.backlog().await, (0, 0));
}
