//! Clauses about events that wait to be published.

use domain::curators::CuratorId;
use domain::event::outbox::Backlog;
use domain::{EventEnvelope, EventId};

use super::{Adapter, pending, record, soon};
use crate::builders::{
    NOW, any_event, at, card_added, card_with_url, curator, envelope, event_about,
};

fn ids(events: &[EventEnvelope]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

async fn defer(store: &dyn Adapter, event: &EventEnvelope, until: i64) {
    store.defer(event.id, "not now", at(until)).await.unwrap();
}

async fn publish(store: &dyn Adapter, event: &EventEnvelope) {
    store.mark_published(&[event.id], NOW).await.unwrap();
}

pub async fn gives_events_in_the_order_they_were_recorded_in(store: &dyn Adapter) {
    let mut events = [any_event(), any_event(), any_event(), any_event()];
    // Neither the ids nor the times tell the order.
    events[0].occurred_at = at(5);
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    record(store, &events[..2]).await;
    record(store, &events[2..]).await;
    assert_eq!(pending(store, NOW).await, ids(&events));
}

pub async fn gives_back_the_whole_envelope(store: &dyn Adapter) {
    let mut event = envelope(card_added(&card_with_url(
        &curator(),
        "https://example.org/ä'\"",
    )));
    event.origin.causation_id = Some(EventId::generate(NOW));
    event.origin.traceparent =
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    record(store, std::slice::from_ref(&event)).await;
    let pending = store.pending(NOW, 10).await.unwrap();
    assert_eq!(pending[0].envelope, event);
    assert_eq!(pending[0].refusals, 0);
}

pub async fn gives_at_most_the_limit(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event()];
    record(store, &events).await;
    let pending = store.pending(NOW, 2).await.unwrap();
    let given: Vec<EventId> = pending.iter().map(|pending| pending.envelope.id).collect();
    assert_eq!(given, ids(&events[..2]));
}

pub async fn skips_what_was_published(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event()];
    record(store, &events).await;
    store
        .mark_published(&[events[0].id, events[2].id], NOW)
        .await
        .unwrap();
    assert_eq!(pending(store, NOW).await, [events[1].id]);
    // What is published stays published.
    defer(store, &events[0], -1).await;
    store.park(events[2].id, "too late").await.unwrap();
    assert_eq!(pending(store, NOW).await, [events[1].id]);
    assert_eq!(store.backlog().await.unwrap().parked, 0);
}

pub async fn puts_an_event_off_until_it_is_due(store: &dyn Adapter) {
    let events = [any_event(), any_event()];
    record(store, &events).await;
    defer(store, &events[0], 1).await;
    defer(store, &events[0], 2).await;
    assert_eq!(pending(store, at(1)).await, [events[1].id]);
    assert_eq!(pending(store, at(2)).await, ids(&events));
    let refusals: Vec<u32> = store
        .pending(at(2), 10)
        .await
        .unwrap()
        .iter()
        .map(|pending| pending.refusals)
        .collect();
    assert_eq!(refusals, [2, 0]);
}

pub async fn holds_back_later_events_of_a_deferred_subject(store: &dyn Adapter) {
    let (ada, bob) = (CuratorId::generate(NOW), CuratorId::generate(NOW));
    let events = [
        event_about(ada),
        event_about(ada),
        event_about(bob),
        event_about(ada),
    ];
    record(store, &events).await;
    defer(store, &events[1], 5).await;
    // The one before it and other subjects go on.
    assert_eq!(pending(store, NOW).await, [events[0].id, events[2].id]);
    assert_eq!(pending(store, at(5)).await, ids(&events));
}

pub async fn goes_on_with_a_subject_once_the_deferred_event_left(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    let events = [event_about(ada), event_about(ada), event_about(ada)];
    record(store, &events).await;
    defer(store, &events[0], 5).await;
    assert_eq!(pending(store, NOW).await, []);
    publish(store, &events[0]).await;
    assert_eq!(pending(store, NOW).await, ids(&events[1..]));
    defer(store, &events[1], 5).await;
    assert_eq!(pending(store, NOW).await, []);
    store.park(events[1].id, "never").await.unwrap();
    assert_eq!(pending(store, NOW).await, [events[2].id]);
}

pub async fn sets_a_parked_event_aside(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    let events = [event_about(ada), event_about(ada)];
    record(store, &events).await;
    store.park(events[0].id, "nobody takes it").await.unwrap();
    assert_eq!(pending(store, at(1_000_000)).await, [events[1].id]);
    // Putting it off doesn't bring it back.
    defer(store, &events[0], 1).await;
    assert_eq!(pending(store, at(1_000_000)).await, [events[1].id]);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn lets_what_was_set_aside_go_again(store: &dyn Adapter) {
    let [parked, waiting, published, unknown] = [(); 4].map(|()| any_event());
    record(store, &[parked.clone(), waiting.clone(), published.clone()]).await;
    store.mark_published(&[published.id], NOW).await.unwrap();
    defer(store, &parked, 1).await;
    store.park(parked.id, "nobody takes it").await.unwrap();
    defer(store, &waiting, 2).await;
    let let_go = async |event: &EventEnvelope| {
        let gone = store.let_go(event.id, &event.to_json()).await;
        gone.unwrap()
    };
    assert!(let_go(&parked).await);
    assert!(let_go(&waiting).await, "it is on its way");
    assert!(!let_go(&published).await && !let_go(&unknown).await);
    // One is as if it had never been refused, the other as it was.
    let due = store.pending(NOW, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].envelope.id, due[0].refusals), (parked.id, 0));
    assert_eq!(store.backlog().await.unwrap().parked, 0);
    assert_eq!(pending(store, at(2)).await, [parked.id, waiting.id]);
}

pub async fn names_a_due_time_at_which_something_is_pending(store: &dyn Adapter) {
    let (ada, bob) = (CuratorId::generate(NOW), CuratorId::generate(NOW));
    let events = [event_about(ada), event_about(ada), event_about(bob)];
    record(store, &events).await;
    assert_eq!(store.next_due().await.unwrap(), None);

    // The second is due first, and stays behind the first all the same.
    defer(store, &events[0], 7).await;
    defer(store, &events[1], 3).await;
    defer(store, &events[2], 9).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(7)));
    assert_eq!(pending(store, at(6)).await, []);
    assert_eq!(pending(store, at(7)).await, ids(&events[..2]));
}

pub async fn forgets_a_due_time_once_the_event_left(store: &dyn Adapter) {
    let events = [any_event(), any_event()];
    record(store, &events).await;
    defer(store, &events[0], 3).await;
    defer(store, &events[1], 5).await;
    publish(store, &events[0]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(5)));
    store.park(events[1].id, "never").await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub async fn ignores_events_it_does_not_know(store: &dyn Adapter) {
    let event = any_event();
    record(store, std::slice::from_ref(&event)).await;
    let unknown = any_event();
    store.mark_published(&[], NOW).await.unwrap();
    publish(store, &unknown).await;
    defer(store, &unknown, 1).await;
    store.park(unknown.id, "never heard of it").await.unwrap();
    assert_eq!(pending(store, NOW).await, [event.id]);
}

pub async fn tells_how_much_waits(store: &dyn Adapter) {
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    let mut events = [0, 1, 2, 3].map(|_| any_event());
    for (second, event) in (0..).zip(&mut events) {
        event.occurred_at = at(second);
    }
    record(store, &events).await;
    publish(store, &events[0]).await;
    store.park(events[1].id, "nobody takes it").await.unwrap();
    defer(store, &events[2], 60).await;
    let expected = Backlog {
        pending: 2,
        parked: 1,
        oldest: Some(at(2)),
    };
    assert_eq!(store.backlog().await.unwrap(), expected);
}

pub async fn wakes_the_relay_for_a_commit_before_it_listened(store: &dyn Adapter) {
    record(store, &[any_event()]).await;
    soon(store.recorded()).await;
    record(store, &[any_event()]).await;
    soon(store.recorded()).await;
}

pub async fn wakes_the_relay_that_listens(store: &dyn Adapter) {
    let event = any_event();
    let relay = async {
        loop {
            store.recorded().await;
            let pending = pending(store, NOW).await;
            if !pending.is_empty() {
                return pending;
            }
        }
    };
    let writer = async {
        // The relay gets to listen first.
        tokio::task::yield_now().await;
        record(store, std::slice::from_ref(&event)).await;
    };
    let (pending, ()) = soon(async { tokio::join!(relay, writer) }).await;
    assert_eq!(pending, [event.id]);
}

pub async fn records_nothing_that_was_rolled_back(store: &dyn Adapter) {
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&[any_event()]).await.unwrap();
    drop(unit);
    let event = any_event();
    record(store, std::slice::from_ref(&event)).await;
    assert_eq!(pending(store, NOW).await, [event.id]);
    assert_eq!(store.backlog().await.unwrap().pending, 1);
}

pub async fn shows_a_subjects_events_in_the_order_of_their_commits(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    let (first, second) = (event_about(ada), event_about(ada));
    let mut unit = store.begin().await.unwrap();
    unit.outbox()
        .record(std::slice::from_ref(&first))
        .await
        .unwrap();
    let mut overtaking = Box::pin(record(store, std::slice::from_ref(&second)));
    tokio::select! {
        biased;
        () = &mut overtaking => {}
        () = async {
            for _ in 0..20 {
                store.ping().await.unwrap();
            }
        } => {}
    }
    assert_eq!(pending(store, NOW).await, [], "the first would come second");
    unit.commit().await.unwrap();
    soon(overtaking).await;
    assert_eq!(pending(store, NOW).await, [first.id, second.id]);
}
