//! Clauses about published events, to be replayed.

use domain::event::archive::ArchiveFilter;
use domain::{EventEnvelope, EventId, EventKind};

use super::{Adapter, record};
use crate::builders::{NOW, any_event, at, card_added, card_with_note, curator, envelope};

async fn publish(store: &dyn Adapter, events: &[EventEnvelope]) {
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    store.mark_published(&ids, NOW).await.unwrap();
}

/// The ids that the filter lets through, read two at a time.
async fn all(store: &dyn Adapter, filter: ArchiveFilter) -> Vec<EventId> {
    let (mut ids, mut after) = (Vec::new(), 0);
    loop {
        let page = store.published(&filter, after, 2).await.unwrap();
        let Some(last) = page.last() else {
            return ids;
        };
        after = last.place;
        ids.extend(page.iter().map(|archived| archived.id));
    }
}

pub async fn gives_what_was_published_in_order(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event(), any_event()];
    record(store, &events).await;
    assert_eq!(all(store, ArchiveFilter::default()).await, []);
    publish(store, &events[1..]).await;
    let ids: Vec<_> = events[1..].iter().map(|event| event.id).collect();
    assert_eq!(all(store, ArchiveFilter::default()).await, ids);
    let first = store.published(&ArchiveFilter::default(), 0, 1).await;
    let first = first.unwrap().remove(0);
    assert_eq!(first.envelope, Ok(events[1].clone()));
}

pub async fn gives_what_the_filter_lets_through(store: &dyn Adapter) {
    let saved = |seconds| {
        let mut event = envelope(card_added(&card_with_note(&curator(), "a")));
        event.occurred_at = at(seconds);
        event
    };
    let events = [saved(1), saved(2), saved(3)];
    record(store, &events).await;
    publish(store, &events).await;
    let none = ArchiveFilter::default;
    let range = ArchiveFilter {
        from: Some(at(2)),
        until: Some(at(3)),
        ..none()
    };
    assert_eq!(all(store, range).await, [events[1].id]);
    let subject = Some(events[2].event.subject());
    assert_eq!(
        all(store, ArchiveFilter { subject, ..none() }).await,
        [events[2].id]
    );
    let kind = Some(EventKind::CuratorRegistered);
    assert_eq!(all(store, ArchiveFilter { kind, ..none() }).await, []);
    let kind = Some(EventKind::CardAddedToLibrary);
    assert_eq!(all(store, ArchiveFilter { kind, ..none() }).await.len(), 3);
}
