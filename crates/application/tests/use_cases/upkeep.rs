//! Forgetting what is old.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::events::observer::EventObserver;
use application::events::upkeep::{RetentionSettings, Upkeep};
use domain::event::outbox::OutboxReader;
use domain::{EventEnvelope, Store};
use testkit::builders::{any_event, at};
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const DAY: Duration = Duration::from_hours(24);

/// What was forgotten, in all.
#[derive(Default)]
struct Forgotten {
    counts: Mutex<(u64, u64)>,
    changed: Notify,
}

impl EventObserver for Forgotten {
    fn forgotten(&self, published: u64, handled: u64) {
        let mut counts = self.counts.lock().unwrap();
        counts.0 += published;
        counts.1 += handled;
        self.changed.notify_one();
    }
}

impl Forgotten {
    async fn until(&self, expected: (u64, u64)) {
        while *self.counts.lock().unwrap() != expected {
            self.changed.notified().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_old_is_forgotten_and_the_rest_kept() {
    let store = MemoryStore::new();
    let (old, young): (Vec<_>, Vec<_>) = (0..1300).map(|_| (any_event(), any_event())).unzip();
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&old).await.unwrap();
    unit.outbox().record(&young[..3]).await.unwrap();
    for event in &old[..700] {
        unit.inbox()
            .first_time("feeds", event.id, at(-60 * 24 * 3600))
            .await
            .unwrap();
    }
    unit.inbox()
        .first_time("feeds", young[0].id, at(0))
        .await
        .unwrap();
    unit.commit().await.unwrap();
    let ids = |events: &[EventEnvelope]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    store
        .mark_published(&ids(&old), at(-8 * 24 * 3600))
        .await
        .unwrap();
    store
        .mark_published(&ids(&young[..2]), at(-6 * 24 * 3600))
        .await
        .unwrap();

    let forgotten = Arc::new(Forgotten::default());
    let upkeep = Upkeep::new(
        Arc::new(store.clone()),
        Arc::new(FixedClock::default()),
        RetentionSettings::default(),
        forgotten.clone(),
    );
    let stop = CancellationToken::new();
    let told = stop.clone();
    let task = TaskTracker::new().spawn(async move { upkeep.run(told).await });
    forgotten.until((1300, 700)).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(store.events(), young[..3]);
}

#[test]
fn what_was_handled_is_remembered_for_longer_than_it_can_come_again() {
    let check = |published, handled| RetentionSettings { published, handled }.check();
    check(7 * DAY, 8 * DAY).unwrap();
    RetentionSettings::default().check().unwrap();
    let refused = check(7 * DAY, 7 * DAY + Duration::from_hours(23)).unwrap_err();
    assert!(refused.to_string().contains("published again"), "{refused}");
    check(Duration::MAX, Duration::MAX).unwrap();
}
