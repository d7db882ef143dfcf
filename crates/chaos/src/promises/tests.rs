//! A look that finds nothing proves nothing unless it finds what is there.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::num::NonZeroU32;
use std::sync::Arc;

use application::events::dispatcher::Dispatcher;
use application::handlers_of;
use application::queues::QueueName;
use domain::cards::Card;
use domain::{Clock, EventEnvelope, EventKind};
use infra_sql::Database;
use tempfile::TempDir;
use testkit::builders::{
    NOW, card_added, card_with_note, curator, envelope, follow, password_hash,
};
use testkit::clock::FixedClock;
use testkit::valkey::shared_url;

use super::*;

/// A card that was saved by somebody with two followers, and its event in the outbox.
struct Saved {
    _dir: TempDir,
    database: Database,
    sql: Sql,
    told: Told,
    card: Card,
    event: EventEnvelope,
}

impl Saved {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("bellwether.db").display());
        let one = NonZeroU32::MIN;
        let database = Database::open(&url.parse().unwrap(), one).await.unwrap();
        database.migrate().await.unwrap();
        let (author, readers) = (curator(), [curator(), curator()]);
        let card = card_with_note(&author, "news");
        let event = envelope(card_added(&card));
        let mut work = database.store().begin().await.unwrap();
        let hash = password_hash();
        work.curators().add(&author, &hash).await.unwrap();
        for reader in &readers {
            work.curators().add(reader, &hash).await.unwrap();
            let follow = follow(reader, &author);
            work.curators().follow(&follow).await.unwrap();
        }
        work.cards().add(&card).await.unwrap();
        let events = std::slice::from_ref(&event);
        work.outbox().record(events).await.unwrap();
        work.commit().await.unwrap();
        let told = Told::default();
        told.accept_card(card.id.as_uuid());
        Self {
            _dir: dir,
            sql: Sql::at(&url),
            database,
            told,
            card,
            event,
        }
    }

    async fn publish(&self) {
        let outbox = self.database.outbox();
        outbox.mark_published(&[self.event.id], NOW).await.unwrap();
    }

    /// Lets the handlers of these queues act.
    async fn handle(&self, queues: &[QueueName]) {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(NOW));
        for queue in queues {
            let store = self.database.store();
            let dispatcher = Dispatcher::new(store, Arc::clone(&clock), handlers_of(*queue));
            dispatcher.dispatch(&self.event).await.unwrap();
        }
    }

    async fn broken(&self) -> Vec<String> {
        let queues = Queues::open(&shared_url().await).await.unwrap();
        let promises = look(&self.sql, &self.told, &queues).await.unwrap();
        promises.into_iter().flat_map(|p| p.broken).collect()
    }

    fn event(&self) -> String {
        self.event.id.to_string().replace('-', "")
    }
}

const ALL: [QueueName; 3] = [
    QueueName::Feeds,
    QueueName::Notifications,
    QueueName::Analytics,
];

#[tokio::test]
async fn an_event_that_took_effect_once_breaks_no_promise() {
    let saved = Saved::new().await;
    saved.publish().await;
    saved.handle(&ALL).await;
    assert_eq!(saved.broken().await, [""; 0]);
}

#[tokio::test]
async fn an_event_that_was_not_published_is_told() {
    let saved = Saved::new().await;
    saved.handle(&ALL).await;
    let event = saved.event();
    let expected = format!("event {event} is in the outbox and was never published");
    assert_eq!(saved.broken().await, [expected]);
}

#[tokio::test]
async fn an_event_that_a_handler_never_had_is_told_with_what_it_lacks() {
    let saved = Saved::new().await;
    saved.publish().await;
    saved
        .handle(&[QueueName::Notifications, QueueName::Analytics])
        .await;
    let event = saved.event();
    let lost = format!("event {event} did not reach a follower's feed: it is lost there");
    let expected = [
        format!("event {event} never took effect in feeds.update; no queue has a job of it"),
        lost.clone(),
        lost,
    ];
    assert_eq!(saved.broken().await, expected);
}

#[tokio::test]
async fn notifications_that_are_missing_and_counts_that_are_too_many_are_told() {
    let saved = Saved::new().await;
    saved.publish().await;
    saved.handle(&ALL).await;
    let mut work = saved.database.store().begin().await.unwrap();
    let kind = EventKind::CardAddedToLibrary;
    work.analytics().count(kind, NOW).await.unwrap();
    work.commit().await.unwrap();
    let lose = "DELETE FROM notifications WHERE id = (SELECT MIN(id) FROM notifications)";
    assert_eq!(saved.sql.execute(lose.to_owned()).await.unwrap(), 1);
    let event = saved.event();
    let expected = [
        format!("event {event} told 1 curators instead of 2"),
        "CardAddedToLibrary was counted 1 times too often".to_owned(),
    ];
    assert_eq!(saved.broken().await, expected);
}

#[tokio::test]
async fn a_card_that_was_accepted_and_is_not_there_is_told() {
    let saved = Saved::new().await;
    saved.publish().await;
    saved.handle(&ALL).await;
    saved
        .told
        .accept_card(uuid::uuid!("0199f3a2-7c00-7000-8000-000000000003"));
    let [broken] = &saved.broken().await[..] else {
        panic!("one promise is broken");
    };
    assert!(broken.contains("its CardAddedToLibrary is not in the outbox"));
}

#[tokio::test]
async fn a_card_that_was_removed_and_is_still_in_a_feed_or_told_of_is_told() {
    let saved = Saved::new().await;
    saved.publish().await;
    saved.handle(&ALL).await;
    let mut work = saved.database.store().begin().await.unwrap();
    assert!(work.cards().remove(saved.card.id).await.unwrap());
    work.commit().await.unwrap();
    let card = saved.card.id.to_string().replace('-', "");
    let in_feed = format!("card {card} was removed and is still in a feed");
    let event = saved.event();
    let told = format!("event {event} told 2 curators instead of 0");
    assert_eq!(saved.broken().await, [in_feed.clone(), in_feed, told]);
}
