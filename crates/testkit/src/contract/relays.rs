//! Clauses about several relays on one outbox.

use std::sync::Mutex;

use domain::curators::CuratorId;
use domain::event::outbox::Claim;
use domain::{EventEnvelope, EventId};

use super::{Adapter, pending, record, soon};
use crate::builders::{NOW, any_event, at, event_about};

fn ids(claim: &dyn Claim) -> Vec<EventId> {
    let events = claim.events().iter();
    events.map(|pending| pending.envelope.id).collect()
}

async fn claim(store: &dyn Adapter) -> Box<dyn Claim> {
    soon(store.claim(NOW, 100)).await.unwrap()
}

/// What a second relay claims while the first holds its claim: nothing, or it waits.
async fn claimed_meanwhile(store: &dyn Adapter) -> Option<Box<dyn Claim>> {
    let mut second = store.claim(NOW, 100);
    tokio::select! {
        biased;
        claim = &mut second => Some(claim.unwrap()),
        // An adapter that makes it wait would do so for long after these.
        () = async {
            for _ in 0..20 {
                store.ping().await.unwrap();
            }
        } => None,
    }
}

pub async fn claims_what_is_pending_in_order(store: &dyn Adapter) {
    let events = [any_event(), any_event(), any_event(), any_event()];
    record(store, &events).await;
    store.mark_published(&[events[0].id], NOW).await.unwrap();
    store.defer(events[2].id, "not now", at(1)).await.unwrap();
    let first = soon(store.claim(NOW, 1)).await.unwrap();
    assert_eq!(ids(&*first), [events[1].id]);
    first.release().await;
    let all = claim(store).await;
    assert_eq!(ids(&*all), [events[1].id, events[3].id]);
    all.release().await;
}

pub async fn gives_a_subject_to_one_relay_at_a_time(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    let (first, second) = (event_about(ada), event_about(ada));
    record(store, std::slice::from_ref(&first)).await;
    let held = claim(store).await;
    assert_eq!(ids(&*held), [first.id]);
    record(store, std::slice::from_ref(&second)).await;
    if let Some(other) = claimed_meanwhile(store).await {
        assert_eq!(ids(&*other), [], "it would overtake the first");
        other.release().await;
    }
    held.release().await;
    let next = claim(store).await;
    assert_eq!(ids(&*next), [first.id, second.id]);
    next.release().await;
}

pub async fn gives_the_rest_of_a_subject_after_its_claim(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    let events = [event_about(ada), event_about(ada)];
    record(store, &events).await;
    let held = soon(store.claim(NOW, 1)).await.unwrap();
    store.mark_published(&[events[0].id], NOW).await.unwrap();
    held.release().await;
    let rest = claim(store).await;
    assert_eq!(ids(&*rest), [events[1].id]);
    rest.release().await;
}

pub async fn gives_back_what_a_claim_did_not_publish(store: &dyn Adapter) {
    let event = any_event();
    record(store, std::slice::from_ref(&event)).await;
    drop(claim(store).await);
    // It may take a moment to come back.
    let again = soon(async {
        loop {
            let claim = store.claim(NOW, 100).await.unwrap();
            if !claim.events().is_empty() {
                return claim;
            }
            claim.release().await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(ids(&*again), [event.id]);
    again.release().await;
}

pub async fn leaves_recording_alone_while_a_claim_is_held(store: &dyn Adapter) {
    let ada = CuratorId::generate(NOW);
    record(store, &[event_about(ada)]).await;
    let held = claim(store).await;
    soon(record(store, &[event_about(ada)])).await;
    assert_eq!(pending(store, NOW).await.len(), 2);
    held.release().await;
}

const SUBJECTS: usize = 8;
const EVENTS_EACH: usize = 12;

pub async fn publishes_every_event_once_and_in_order_with_relays_at_once(store: &dyn Adapter) {
    let subjects: Vec<_> = std::iter::repeat_with(|| CuratorId::generate(NOW))
        .take(SUBJECTS)
        .collect();
    let rounds = std::iter::repeat_with(|| subjects.iter().copied().map(event_about));
    let events: Vec<_> = rounds.take(EVENTS_EACH).flatten().collect();
    let published = Mutex::new(Vec::new());
    let record_all = async {
        for event in &events {
            record(store, std::slice::from_ref(event)).await;
        }
    };
    let relay = || relay_until(store, &published, events.len());
    soon(async { tokio::join!(record_all, relay(), relay(), relay()) }).await;

    let published = published.into_inner().unwrap();
    assert_eq!(published.len(), events.len());
    for subject in subjects {
        let of_subject = |events: &[EventEnvelope]| -> Vec<EventId> {
            let events = events.iter();
            events
                .filter(|event| event.event.subject() == subject.as_uuid())
                .map(|event| event.id)
                .collect()
        };
        assert_eq!(of_subject(&published), of_subject(&events));
    }
    assert_eq!(store.backlog().await.unwrap().pending, 0);
}

/// Publishes what it can claim, a few at a time, until all relays together have published enough.
async fn relay_until(store: &dyn Adapter, published: &Mutex<Vec<EventEnvelope>>, enough: usize) {
    while published.lock().unwrap().len() < enough {
        let claim = store.claim(NOW, 5).await.unwrap();
        let events: Vec<_> = claim
            .events()
            .iter()
            .map(|pending| pending.envelope.clone())
            .collect();
        // Others get to claim, and to record, while this one publishes.
        tokio::task::yield_now().await;
        store.ping().await.unwrap();
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        published.lock().unwrap().extend(events);
        store.mark_published(&ids, NOW).await.unwrap();
        claim.release().await;
        tokio::task::yield_now().await;
    }
}
