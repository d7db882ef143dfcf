//! Clauses about what is forgotten.

use domain::event::dead_letter::{DeadLetterId, LetterState};
use domain::{EventId, UnixMillis};

use super::{Adapter, commit, first_time, pending, record};
use crate::builders::{NOW, any_event, at, failed_for_good};

pub async fn forgets_what_was_published_before_a_time(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event()];
    record(store, &events).await;
    for (second, event) in (0..).zip(&events) {
        store.mark_published(&[event.id], at(second)).await.unwrap();
    }
    assert_eq!(store.forget_published(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.forget_published(at(2), 10).await.unwrap(), 2);
    assert_eq!(store.forget_published(at(2), 10).await.unwrap(), 0);
    assert_eq!(store.forget_published(at(3), 10).await.unwrap(), 1);
}

pub async fn keeps_what_is_not_published(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event()];
    record(store, &events).await;
    store.park(events[0].id, "nobody takes it").await.unwrap();
    store.defer(events[1].id, "not now", at(1)).await.unwrap();
    assert_eq!(store.forget_published(at(3600), 10).await.unwrap(), 0);
    assert_eq!(pending(store, at(1)).await, [events[1].id, events[2].id]);
    assert_eq!(store.backlog().await.unwrap().parked, 1);
}

pub async fn forgets_the_oldest_first_up_to_a_limit(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event()];
    record(store, &events).await;
    for (event, second) in events.iter().zip([3, 1, 2]) {
        store.mark_published(&[event.id], at(second)).await.unwrap();
    }
    assert_eq!(store.forget_published(at(10), 2).await.unwrap(), 2);
    // The one that is left is the last that was published.
    assert_eq!(store.forget_published(at(3), 2).await.unwrap(), 0);
    assert_eq!(store.forget_published(at(10), 2).await.unwrap(), 1);
}

pub async fn forgets_what_was_handled_before_a_time(store: &dyn Adapter) {
    let [first, second, third] = [0, 1, 2].map(|second| (EventId::generate(NOW), at(second)));
    for (event, now) in [first, second, third] {
        assert!(first_time(store, "feeds", event, now).await);
    }
    assert_eq!(store.forget_seen(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.forget_seen(at(10), 1).await.unwrap(), 1);
    assert_eq!(store.forget_seen(at(2), 10).await.unwrap(), 1);
    // What is remembered is still handled, what is forgotten is not.
    assert!(!first_time(store, "feeds", third.0, at(3)).await);
    assert!(first_time(store, "feeds", first.0, at(3)).await);
}

pub async fn forgets_letters_to_which_nothing_happened_for_long(store: &dyn Adapter) {
    let keep = async |failed_at: UnixMillis| {
        let mut failure = failed_for_good("feeds.update", &any_event());
        failure.failed_at = failed_at;
        commit(store, async |unit| {
            unit.dead_letters().record(&failure).await
        })
        .await
    };
    let is_kept = async |id: DeadLetterId| {
        let letter = store.dead_letters().by_id(id).await;
        letter.unwrap().is_some()
    };
    let (touched, old, older) = (keep(at(1)).await, keep(at(3)).await, keep(at(2)).await);
    let letter = store.dead_letters().by_id(touched).await.unwrap().unwrap();
    let state = LetterState::Redriven;
    let change = commit(store, async |unit| {
        unit.dead_letters().bring_to(&letter, state, at(9)).await
    });
    assert!(change.await);
    assert_eq!(store.forget_letters(at(2), 10).await.unwrap(), 0);
    assert_eq!(store.forget_letters(at(9), 1).await.unwrap(), 1);
    assert!(!is_kept(older).await && is_kept(old).await);
    assert_eq!(store.forget_letters(at(9), 10).await.unwrap(), 1);
    assert!(!is_kept(old).await && is_kept(touched).await);
}
