//! Clauses about counts.

use domain::{EventKind, UnixMillis};

use super::{Adapter, commit};
use crate::builders::NOW;

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn count(store: &dyn Adapter, kind: EventKind, occurred_at: UnixMillis) {
    commit(store, async |unit| {
        unit.analytics().count(kind, occurred_at).await
    })
    .await;
}

async fn counts(store: &dyn Adapter) -> Vec<(String, EventKind, u64)> {
    let counts = store.analytics().daily().await.unwrap();
    counts
        .into_iter()
        .map(|count| (count.day, count.kind, count.count))
        .collect()
}

pub async fn counts_each_kind_on_its_own(store: &dyn Adapter) {
    assert_eq!(counts(store).await, []);
    count(store, EventKind::CardAddedToLibrary, NOW).await;
    count(store, EventKind::CuratorFollowed, NOW).await;
    count(store, EventKind::CardAddedToLibrary, NOW).await;
    let mut counts = counts(store).await;
    counts.sort_by_key(|(_, kind, _)| kind.as_str());
    assert_eq!(
        counts,
        [
            (NOW.day(), EventKind::CardAddedToLibrary, 2),
            (NOW.day(), EventKind::CuratorFollowed, 1),
        ]
    );
}

pub async fn counts_on_the_utc_day(store: &dyn Adapter) {
    let midnight = UnixMillis::new(NOW.as_i64() / DAY * DAY);
    let just_before = UnixMillis::new(midnight.as_i64() - 1);
    count(store, EventKind::CuratorFollowed, midnight).await;
    count(store, EventKind::CuratorFollowed, just_before).await;
    assert_eq!(
        counts(store).await,
        [
            ("2026-11-23".to_owned(), EventKind::CuratorFollowed, 1),
            ("2026-11-24".to_owned(), EventKind::CuratorFollowed, 1),
        ]
    );
}

pub async fn lists_the_oldest_day_first(store: &dyn Adapter) {
    for days in [40, 0, 1] {
        let then = UnixMillis::new(NOW.as_i64() + days * DAY);
        count(store, EventKind::CuratorRegistered, then).await;
    }
    let days: Vec<String> = counts(store)
        .await
        .into_iter()
        .map(|(day, _, _)| day)
        .collect();
    assert_eq!(days, ["2026-11-24", "2026-11-25", "2027-01-03"]);
}

pub async fn loses_no_count_when_many_count_at_once(store: &dyn Adapter) {
    let one = || count(store, EventKind::CardAddedToLibrary, NOW);
    let four = async || tokio::join!(one(), one(), one(), one());
    tokio::join!(four(), four(), four(), four());
    assert_eq!(
        counts(store).await,
        [(NOW.day(), EventKind::CardAddedToLibrary, 16)]
    );
}
