//! Clauses about generations of what the queues hold.

use domain::event::dead_letter::LetterState;
use domain::event::generation::{Duty, Generation, Looked};
use domain::{EventEnvelope, EventId};

use super::{Adapter, commit, first_time, pending, record};
use crate::builders::{NOW, any_event, failed_for_good};

const HANDLERS: [&str; 2] = ["feeds.update", "analytics.count"];

/// Both handlers are to act on this event.
fn duties(event: &EventEnvelope) -> [Duty; 2] {
    HANDLERS.map(|handler| Duty {
        kind: event.kind(),
        handler,
    })
}

async fn generation(store: &dyn Adapter, identity: &str) -> Generation {
    store.generation(identity).await.unwrap().0
}

/// Events that were published while the data was the first.
async fn published<const N: usize>(store: &dyn Adapter) -> [EventEnvelope; N] {
    let events = [(); N].map(|()| any_event());
    record(store, &events).await;
    let first = generation(store, "first").await;
    let ids = events.each_ref().map(|event| event.id);
    let marked = store.mark_published_in(first, &ids, NOW).await;
    assert_eq!(marked.unwrap(), N as u64);
    events
}

async fn look(store: &dyn Adapter, event: &EventEnvelope, limit: u32) -> Looked {
    let looked = store.publish_again(&duties(event), limit).await;
    looked.unwrap()
}

pub async fn begins_with_other_data_and_tells_one_caller(store: &dyn Adapter) {
    let first = store.generation("first").await.unwrap();
    assert_eq!(first, (Generation::FIRST, false));
    assert_eq!(store.generation("first").await.unwrap(), first);
    let (second, is_new) = store.generation("second").await.unwrap();
    assert!(second > Generation::FIRST && is_new);
    assert_eq!(store.generation("second").await.unwrap(), (second, false));
    // What comes back is not what it was.
    let (third, is_new) = store.generation("first").await.unwrap();
    assert!(third > second && is_new);
}

pub async fn records_nothing_as_published_in_a_generation_that_is_over(store: &dyn Adapter) {
    let event = any_event();
    record(store, std::slice::from_ref(&event)).await;
    let over = generation(store, "first").await;
    let current = generation(store, "second").await;
    let mark = async |generation| {
        let marked = store.mark_published_in(generation, &[event.id], NOW).await;
        marked.unwrap()
    };
    assert_eq!(mark(over).await, 0);
    assert_eq!(pending(store, NOW).await, [event.id]);
    assert_eq!(mark(current).await, 1);
    assert_eq!(pending(store, NOW).await, []);
}

pub async fn publishes_again_what_a_handler_has_still_to_act_on(store: &dyn Adapter) {
    let [handled, half, not] = published(store).await;
    for handler in HANDLERS {
        assert!(first_time(store, handler, handled.id, NOW).await);
    }
    assert!(first_time(store, HANDLERS[0], half.id, NOW).await);
    // While the data is the same, nothing is missing.
    assert_eq!(look(store, &not, 10).await, Looked::default());
    generation(store, "second").await;
    assert_eq!(look(store, &not, 10).await, Looked { at: 3, again: 2 });
    assert_eq!(pending(store, NOW).await, [half.id, not.id]);
}

pub async fn leaves_to_its_letter_what_failed_for_good(store: &dyn Adapter) {
    let [event] = published(store).await;
    assert!(first_time(store, HANDLERS[1], event.id, NOW).await);
    let failure = failed_for_good(HANDLERS[0], &event);
    let letter = commit(store, async |unit| {
        unit.dead_letters().record(&failure).await
    });
    let letter = letter.await;
    generation(store, "second").await;
    assert_eq!(look(store, &event, 10).await, Looked { at: 1, again: 0 });

    // One that was sent on its way again is on it no more.
    let letter = store.dead_letters().by_id(letter).await.unwrap().unwrap();
    let change = commit(store, async |unit| {
        let state = LetterState::Redriven;
        unit.dead_letters().bring_to(&letter, state, NOW).await
    });
    assert!(change.await);
    let [other] = {
        let second = generation(store, "second").await;
        let other = any_event();
        record(store, std::slice::from_ref(&other)).await;
        let ids: [EventId; 1] = [other.id];
        store.mark_published_in(second, &ids, NOW).await.unwrap();
        [other]
    };
    generation(store, "third").await;
    assert_eq!(look(store, &other, 10).await, Looked { at: 1, again: 1 });
}

pub async fn looks_once_at_what_each_generation_published(store: &dyn Adapter) {
    let [event] = published(store).await;
    let second = generation(store, "second").await;
    assert_eq!(look(store, &event, 10).await, Looked { at: 1, again: 1 });
    assert_eq!(look(store, &event, 10).await, Looked::default());
    let marked = store.mark_published_in(second, &[event.id], NOW).await;
    assert_eq!(marked.unwrap(), 1);
    assert_eq!(look(store, &event, 10).await, Looked::default());
    // It was published in the second, too.
    generation(store, "third").await;
    assert_eq!(look(store, &event, 10).await, Looked { at: 1, again: 1 });
    assert_eq!(look(store, &event, 10).await, Looked::default());
}

pub async fn looks_at_so_many_at_a_time_in_order(store: &dyn Adapter) {
    let events: [_; 5] = published(store).await;
    generation(store, "second").await;
    for expected in [2, 4, 5] {
        let looked = look(store, &events[0], 2).await;
        assert!(looked.at == looked.again && looked.at <= 2);
        assert_eq!(pending(store, NOW).await.len(), expected);
    }
    let all = events.map(|event| event.id);
    assert_eq!(pending(store, NOW).await, all);
}
