//! Letting a handler act once more on what was published.

use std::sync::Arc;

use application::events::replay::{Replay, ReplayReport};
use application::events::shadow::Effect;
use application::handler_named;
use domain::analytics::AnalyticsReader;
use domain::curators::Curator;
use domain::event::archive::ArchiveFilter;
use domain::event::outbox::OutboxReader;
use domain::{EventEnvelope, EventKind};
use testkit::builders::NOW;

use crate::support::App;

const SAVED: ArchiveFilter = ArchiveFilter {
    from: None,
    until: None,
    kind: Some(EventKind::CardAddedToLibrary),
    subject: None,
};

fn replay(app: &App, handler: &str) -> Replay {
    let clock = Arc::new(app.clock.clone());
    let archive = Arc::new(app.store.memory.clone());
    let handler = handler_named(handler).unwrap();
    Replay::new(app.store.shared(), archive, clock, handler)
}

/// Bob, who follows Ada, who saved two pages; all of it is published.
async fn saved_twice(app: &App) -> Curator {
    let [ada, bob] = app.register(["ada", "bob"]).await;
    app.follow(&bob, &ada).await;
    app.settle().await;
    app.save(&ada, "https://example.org/1").await;
    app.save(&ada, "https://example.org/2").await;
    let events = app.store.memory.events();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    app.store.memory.mark_published(&ids, NOW).await.unwrap();
    bob
}

fn done(first: u64, again: u64, passed_over: u64) -> ReplayReport {
    ReplayReport {
        first,
        again,
        passed_over,
        failed: Vec::new(),
    }
}

async fn counted(app: &App) -> u64 {
    let counts = app.store.memory.daily().await.unwrap();
    let saved = counts.iter().filter(|count| Some(count.kind) == SAVED.kind);
    saved.map(|count| count.count).sum()
}

#[tokio::test]
async fn a_replay_mends_what_is_missing_and_doubles_nothing() {
    let app = App::new();
    let bob = saved_twice(&app).await;
    // Only the first was handled, and its effect got lost.
    let events = app.store.memory.events();
    let (first, _) = events[events.len() - 2..].split_first().unwrap();
    app.hand_over(std::slice::from_ref(first)).await;
    app.store.memory.lose_feeds().await;
    assert_eq!(app.home(&bob).await.len(), 0);

    let feeds = replay(&app, "feeds.update");
    assert_eq!(feeds.run(&SAVED, "mend").await.unwrap(), done(1, 1, 0));
    assert_eq!(app.home(&bob).await.len(), 2);
    // Under the same name it goes on where it was; under another it starts anew.
    assert_eq!(feeds.run(&SAVED, "mend").await.unwrap(), done(0, 0, 2));
    assert_eq!(feeds.run(&SAVED, "again").await.unwrap(), done(0, 2, 0));
    assert_eq!(app.home(&bob).await.len(), 2);
    // The events come by themselves, later than the replay.
    app.settle().await;
    assert_eq!(app.home(&bob).await.len(), 2);
}

#[tokio::test]
async fn what_does_not_bear_repetition_is_replayed_where_it_was_never_done() {
    let app = App::new();
    saved_twice(&app).await;
    let events = app.store.memory.events();
    let last: &EventEnvelope = events.last().unwrap();
    app.hand_over(std::slice::from_ref(last)).await;
    assert_eq!(counted(&app).await, 1);
    let counts = replay(&app, "analytics.count");
    assert_eq!(counts.run(&SAVED, "mend").await.unwrap(), done(1, 0, 1));
    assert_eq!(counts.run(&SAVED, "again").await.unwrap(), done(0, 0, 2));
    app.settle().await;
    assert_eq!(counted(&app).await, 2);
}

#[tokio::test]
async fn a_shadow_tells_what_would_change_and_changes_nothing() {
    let app = App::new();
    let bob = saved_twice(&app).await;
    let effects = async |handler: &str| {
        let report = replay(&app, handler).shadow(&SAVED).await.unwrap();
        assert_eq!((report.events, report.failed.len()), (2, 0));
        let changes = report.changes.into_iter().flat_map(|(_, changes)| changes);
        let effects = changes.map(|change| (change.effect, change.rows));
        effects.collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let both = |effect| vec![(effect, 1); 2];
        assert_eq!(
            effects("feeds.update").await,
            both(Effect::FeedEntriesAdded)
        );
        let told = effects("notifications.in-app").await;
        assert_eq!(told, both(Effect::NotificationsAdded));
        assert_eq!(
            effects("analytics.count").await,
            both(Effect::EventsCounted)
        );
    }
    assert_eq!(app.home(&bob).await.len(), 0);
    assert_eq!(app.notifications.unread(bob.id).await.unwrap(), 0);
    assert_eq!(counted(&app).await, 0);

    // Once it is done, nothing would change.
    app.settle().await;
    for handler in ["feeds.update", "notifications.in-app", "analytics.count"] {
        assert_eq!(effects(handler).await, [], "{handler}");
    }
}

#[test]
fn a_change_is_a_sentence() {
    use application::events::shadow::Change;
    let change = |effect, about: &str, rows| {
        let about = about.to_owned();
        let change = Change {
            effect,
            about,
            rows,
        };
        change.to_string()
    };
    assert_eq!(
        change(Effect::FeedEntriesAdded, "card 7", 12),
        "would put card 7 into 12 home feeds"
    );
    assert_eq!(
        change(Effect::NotificationsAdded, "new-follower", 1),
        "would tell 1 curator: new-follower"
    );
    assert_eq!(
        change(Effect::NotificationsRemoved, "card 7", 2),
        "would no longer tell 2 curators: card 7"
    );
}

#[tokio::test]
async fn a_shadow_tells_what_would_be_taken_back() {
    let app = App::new();
    let bob = saved_twice(&app).await;
    app.settle().await;
    let [ada] = app
        .curators
        .followees(bob.id)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    let card = app.cards_of(&ada).await.remove(0);
    app.remove(&card).await;
    let removal = app.last_envelope();
    let published = app.store.memory.mark_published(&[removal.id], NOW).await;
    published.unwrap();
    let removed = ArchiveFilter {
        kind: Some(EventKind::CardRemovedFromLibrary),
        ..SAVED
    };
    let shadow = replay(&app, "notifications.in-app").shadow(&removed).await;
    let changes = shadow.unwrap().changes;
    let effects: Vec<_> = changes
        .iter()
        .flat_map(|(_, changes)| changes)
        .map(|change| (change.effect, change.rows))
        .collect();
    assert_eq!(effects, [(Effect::NotificationsRemoved, 1)]);
    let [view] = app
        .notifications
        .list(bob.id, domain::PageRequest::default())
        .await
        .unwrap()
        .rows
        .try_into()
        .unwrap();
    assert_eq!(view.count, 2, "nothing was changed");
}
