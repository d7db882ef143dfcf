//! Counts per kind of event and day.

use domain::EventKind;
use testkit::builders::{NOW, at, envelope, event_about};

use crate::support::{App, nobody};

async fn daily(app: &App) -> Vec<(String, EventKind, u64)> {
    let counts = app.analytics.daily().await.unwrap().into_iter();
    counts
        .map(|count| (count.day, count.kind, count.count))
        .collect()
}

#[tokio::test]
async fn every_kind_of_event_is_counted_once_however_often_it_comes() {
    let app = App::new();
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    let card = app.save(&ada, "https://example.org/").await;
    app.remove(&card).await;
    app.unfollow(&bob, &ada).await;
    app.settle().await;
    app.settle().await;

    let counted = daily(&app).await;
    assert!(counted.iter().all(|(day, _, _)| *day == NOW.day()));
    for kind in EventKind::ALL {
        let expected = if *kind == EventKind::CuratorRegistered {
            2
        } else {
            1
        };
        let found = counted.iter().find(|(_, counted, _)| counted == kind);
        assert_eq!(found.map(|(_, _, count)| *count), Some(expected), "{kind}");
    }
}

#[tokio::test]
async fn a_late_event_counts_on_the_day_it_happened() {
    let app = App::new();
    let mut yesterday = event_about(nobody());
    yesterday.occurred_at = at(-24 * 3600);
    let today = envelope(yesterday.event.clone());
    app.hand_over(&[today, yesterday.clone()]).await;
    let kind = EventKind::CuratorUnfollowed;
    let expected = [(yesterday.occurred_at.day(), kind, 1), (NOW.day(), kind, 1)];
    assert_eq!(daily(&app).await, expected);
}
