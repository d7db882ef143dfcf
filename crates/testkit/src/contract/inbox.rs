//! Clauses about which handler has seen which event.

use domain::EventId;

use super::{Adapter, commit, first_time, soon};
use crate::builders::NOW;

pub async fn is_the_first_time_once(store: &dyn Adapter) {
    let event = EventId::generate(NOW);
    let in_one_unit = commit(store, async |unit| {
        let first = unit.inbox().first_time("feeds", event, NOW).await?;
        let second = unit.inbox().first_time("feeds", event, NOW).await?;
        Ok((first, second))
    })
    .await;
    assert_eq!(in_one_unit, (true, false));
    assert!(!first_time(store, "feeds", event, NOW).await);
}

pub async fn tells_handlers_and_events_apart(store: &dyn Adapter) {
    let (event, other) = (EventId::generate(NOW), EventId::generate(NOW));
    assert!(first_time(store, "feeds", event, NOW).await);
    assert!(first_time(store, "analytics", event, NOW).await);
    assert!(first_time(store, "feeds", other, NOW).await);
}

pub async fn forgets_what_was_rolled_back(store: &dyn Adapter) {
    let event = EventId::generate(NOW);
    let mut unit = store.begin().await.unwrap();
    assert!(unit.inbox().first_time("feeds", event, NOW).await.unwrap());
    drop(unit);
    assert!(first_time(store, "feeds", event, NOW).await);
}

pub async fn forgets_what_it_is_told_to(store: &dyn Adapter) {
    let event = EventId::generate(NOW);
    assert!(first_time(store, "feeds", event, NOW).await);
    assert!(first_time(store, "analytics", event, NOW).await);
    let mut unit = store.begin().await.unwrap();
    unit.inbox().forget("feeds", event).await.unwrap();
    drop(unit);
    assert!(
        !first_time(store, "feeds", event, NOW).await,
        "it was rolled back"
    );
    commit(store, async |unit| {
        unit.inbox().forget("feeds", event).await
    })
    .await;
    assert!(first_time(store, "feeds", event, NOW).await);
    assert!(!first_time(store, "analytics", event, NOW).await);
}

pub async fn lets_one_of_two_at_once_be_the_first(store: &dyn Adapter) {
    let event = EventId::generate(NOW);
    // An adapter may refuse the second, or make it wait and answer `false`.
    let attempt = async || {
        let mut unit = store.begin().await.ok()?;
        let is_first = unit.inbox().first_time("feeds", event, NOW).await.ok()?;
        tokio::task::yield_now().await;
        unit.commit().await.ok()?;
        Some(is_first)
    };
    let (one, other) = soon(async { tokio::join!(attempt(), attempt()) }).await;
    let firsts = [one, other]
        .into_iter()
        .filter(|attempt| *attempt == Some(true))
        .count();
    assert_eq!(firsts, 1, "{one:?} and {other:?}");
}
