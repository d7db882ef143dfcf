//! Forgetting what is old.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::events::observer::{EventObserver, Forgotten};
use application::events::upkeep::{RetentionSettings, Upkeep};
use domain::event::outbox::OutboxReader;
use domain::{EventEnvelope, Store};
use testkit::builders::{any_event, at, failed_for_good};
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const DAY: Duration = Duration::from_hours(24);

/// What was forgotten, in all.
#[derive(Default)]
struct Sum {
    forgotten: Mutex<Forgotten>,
    changed: Notify,
}

impl EventObserver for Sum {
    fn forgotten(&self, what: Forgotten) {
        let mut sum = self.forgotten.lock().unwrap();
        sum.published += what.published;
        sum.handled += what.handled;
        sum.letters += what.letters;
        self.changed.notify_one();
    }
}

impl Sum {
    async fn until(&self, expected: Forgotten) {
        while *self.forgotten.lock().unwrap() != expected {
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
    for event in &old[..600] {
        let mut failure = failed_for_good("feeds", event);
        failure.failed_at = at(-31 * 24 * 3600);
        unit.dead_letters().record(&failure).await.unwrap();
    }
    let failure = failed_for_good("feeds", &young[0]);
    let kept = unit.dead_letters().record(&failure).await.unwrap();
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

    let forgotten = Arc::new(Sum::default());
    let upkeep = Upkeep::new(
        Arc::new(store.clone()),
        Arc::new(FixedClock::default()),
        RetentionSettings::default(),
        forgotten.clone(),
    );
    let stop = CancellationToken::new();
    let told = stop.clone();
    let task = TaskTracker::new().spawn(async move { upkeep.run(told).await });
    let expected = Forgotten {
        published: 1300,
        handled: 700,
        letters: 600,
    };
    forgotten.until(expected).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(store.events(), young[..3]);
    let letter = store.dead_letters().by_id(kept).await.unwrap();
    assert_eq!(letter.map(|letter| letter.failure), Some(failure));
}

#[test]
fn what_was_handled_is_remembered_for_longer_than_it_can_come_again() {
    let check = |published, handled| {
        let settings = RetentionSettings {
            published,
            handled,
            ..RetentionSettings::default()
        };
        settings.check()
    };
    check(7 * DAY, 8 * DAY).unwrap();
    RetentionSettings::default().check().unwrap();
    let refused = check(7 * DAY, 7 * DAY + Duration::from_hours(23)).unwrap_err();
    assert!(refused.to_string().contains("published again"), "{refused}");
    check(Duration::MAX, Duration::MAX).unwrap();
}
