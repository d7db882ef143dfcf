//! Clauses about changes that take effect together or not at all.

use domain::cards::{Card, CardId};
use domain::curators::{ApiToken, Curator};
use domain::notifications::{Entry, Grouping};
use domain::{EventEnvelope, EventKind, PageRequest, Position, StoreError, UnitOfWork};

use super::{Adapter, commit, followers, pending, register, soon};
use crate::builders::{
    NOW, any_event, at, card_with_url, curator, entry, follow, link, password_hash, token_of,
};

/// Something of everything that can be stored.
struct Everything {
    author: Curator,
    reader: Curator,
    token: ApiToken,
    card: Card,
    told: Entry,
    event: EventEnvelope,
}

impl Everything {
    fn new() -> Self {
        let (author, reader) = (curator(), curator());
        Self {
            token: token_of(&author),
            card: card_with_url(&author, "https://example.org/"),
            told: entry(&author, &reader),
            event: any_event(),
            author,
            reader,
        }
    }

    async fn store(&self, unit: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        unit.curators().add(&self.author, &password_hash()).await?;
        unit.curators().add(&self.reader, &password_hash()).await?;
        unit.curators().add_token(&self.token).await?;
        unit.curators()
            .follow(&follow(&self.reader, &self.author))
            .await?;
        unit.cards().add(&self.card).await?;
        unit.feeds()
            .fan_out(&(&self.card).into(), followers(None, 10))
            .await?;
        unit.notifications()
            .add(std::slice::from_ref(&self.told), Grouping::default())
            .await?;
        unit.analytics()
            .count(EventKind::CardAddedToLibrary, NOW)
            .await?;
        unit.outbox()
            .record(std::slice::from_ref(&self.event))
            .await?;
        assert!(unit.inbox().first_time("feeds", self.event.id, NOW).await?);
        Ok(())
    }

    /// For each thing, whether a reader sees it.
    async fn seen(&self, store: &dyn Adapter) -> [bool; 9] {
        let (author, reader) = (self.author.id, self.reader.id);
        let first = PageRequest::default();
        [
            store.curators().by_id(author).await.unwrap().is_some(),
            store
                .curators()
                .token(&self.token.hash)
                .await
                .unwrap()
                .is_some(),
            !store.curators().followees(reader).await.unwrap().is_empty(),
            store.cards().by_id(self.card.id).await.unwrap().is_some(),
            !store
                .cards()
                .library(author, first)
                .await
                .unwrap()
                .rows
                .is_empty(),
            !store
                .feeds()
                .home(reader, first)
                .await
                .unwrap()
                .rows
                .is_empty(),
            store.notifications().unread(author).await.unwrap() > 0,
            !store.analytics().daily().await.unwrap().is_empty(),
            !pending(store, NOW).await.is_empty(),
        ]
    }
}

pub async fn takes_effect_as_a_whole(store: &dyn Adapter) {
    let everything = Everything::new();
    let mut unit = store.begin().await.unwrap();
    everything.store(&mut *unit).await.unwrap();
    assert_eq!(soon(everything.seen(store)).await, [false; 9]);
    unit.commit().await.unwrap();
    assert_eq!(everything.seen(store).await, [true; 9]);
}

pub async fn leaves_no_trace_when_dropped(store: &dyn Adapter) {
    let everything = Everything::new();
    let mut unit = store.begin().await.unwrap();
    everything.store(&mut *unit).await.unwrap();
    drop(unit);
    assert_eq!(everything.seen(store).await, [false; 9]);
    // All of it can be stored as if for the first time, the inbox row too.
    commit(store, async |unit| everything.store(unit).await).await;
    assert_eq!(everything.seen(store).await, [true; 9]);
}

pub async fn sees_its_own_changes(store: &dyn Adapter) {
    let everything = Everything::new();
    let mut unit = store.begin().await.unwrap();
    everything.store(&mut *unit).await.unwrap();
    let (author, card) = (everything.author.id, &everything.card);
    assert!(unit.curators().exists(author).await.unwrap());
    assert_eq!(
        unit.curators()
            .followers(author, followers(None, 10))
            .await
            .unwrap(),
        [everything.reader.id]
    );
    assert_eq!(
        unit.cards().owned(author, card.id).await.unwrap().as_ref(),
        Some(card)
    );
    assert_eq!(
        unit.cards().newest(author, 5).await.unwrap(),
        std::slice::from_ref(card)
    );
    assert_eq!(
        unit.cards()
            .savers(&link("https://example.org/"), end_of_time())
            .await
            .unwrap(),
        [author]
    );
    assert_eq!(unit.feeds().retract_card(card.id).await.unwrap(), 1);
}

fn end_of_time() -> Position {
    Position {
        at: at(3600),
        id: uuid::Uuid::max(),
    }
}

pub async fn lets_readers_proceed(store: &dyn Adapter) {
    let everything = Everything::new();
    commit(store, async |unit| everything.store(unit).await).await;

    let mut unit = store.begin().await.unwrap();
    unit.curators()
        .unfollow(everything.reader.id, everything.author.id)
        .await
        .unwrap();
    unit.cards().remove(everything.card.id).await.unwrap();
    soon(store.ping()).await.unwrap();
    assert_eq!(soon(everything.seen(store)).await, [true; 9]);
    // What relays and readiness ask goes on too.
    soon(store.backlog()).await.unwrap();
    soon(store.next_due()).await.unwrap();
}

pub async fn goes_on_after_a_conflict(store: &dyn Adapter) {
    let [ada] = register(store).await;
    let (first, second, third) = (
        card_with_url(&ada, "https://example.org/#one"),
        card_with_url(&ada, "https://example.org/#two"),
        card_with_url(&ada, "https://example.org/other"),
    );
    let mut unit = store.begin().await.unwrap();
    unit.cards().add(&first).await.unwrap();
    unit.cards().add(&second).await.unwrap_err();
    unit.cards().add(&third).await.unwrap();
    unit.commit().await.unwrap();

    let is_there = async |card: CardId| store.cards().by_id(card).await.unwrap().is_some();
    let stored = [
        is_there(first.id).await,
        is_there(second.id).await,
        is_there(third.id).await,
    ];
    assert_eq!(stored, [true, false, true]);
}

pub async fn lets_one_of_two_that_decide_alike_have_its_way(store: &dyn Adapter) {
    let ada = curator();
    // Each looks before it writes. An adapter may make the second wait and then see what the first
    // has done, or refuse what it writes.
    let register_unless_there = async || {
        let mut unit = store.begin().await.unwrap();
        if unit.curators().exists(ada.id).await.unwrap() {
            return false;
        }
        tokio::task::yield_now().await;
        match unit.curators().add(&ada, &password_hash()).await {
            Ok(()) => unit.commit().await.unwrap(),
            Err(StoreError::Conflict(_)) => return false,
            Err(error) => panic!("{error:?}"),
        }
        true
    };
    let both = async { tokio::join!(register_unless_there(), register_unless_there()) };
    let (one, other) = soon(both).await;
    assert!(one != other, "both did, or neither: {one}");
}

pub async fn answers_a_ping(store: &dyn Adapter) {
    store.ping().await.unwrap();
}
