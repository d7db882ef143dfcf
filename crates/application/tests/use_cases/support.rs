//! What these tests share: the use cases on fakes, and fakes that fail when they are told to.

mod handler;
mod outbox;
mod passwords;
mod publisher;
mod relay;

use std::sync::Arc;

use application::analytics::Analytics;
use application::cards::Cards;
use application::curators::{Curators, Registration};
use application::events::in_process::InProcessPublisher;
use application::feeds::Feeds;
use application::notifications::Notifications;
use domain::cards::{Card, CardContent};
use domain::curators::{Curator, CuratorId, DisplayName, Password};
use domain::event::Origin;
use domain::{Clock, DomainEvent, EventEnvelope, EventKind, EventPublisher, PageRequest};
use testkit::builders::{handle_of, link, origin};
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;

pub(crate) use handler::{Does, FakeHandler};
pub(crate) use outbox::FakeOutbox;
pub(crate) use passwords::{BROKEN, OLD, PlainPasswords};
pub(crate) use relay::{SETTINGS, Stage, ids, until_idle};
pub(crate) use testkit::faulty::{FaultyStore, corrupt, unavailable};

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "correct horse";

/// Every use case on storage in memory, at a time that the test decides.
pub(crate) struct App {
    pub(crate) store: FaultyStore,
    pub(crate) clock: FixedClock,
    pub(crate) passwords: PlainPasswords,
    pub(crate) curators: Curators,
    pub(crate) cards: Cards,
    pub(crate) feeds: Feeds,
    pub(crate) notifications: Notifications,
    pub(crate) analytics: Analytics,
}

impl App {
    pub(crate) fn new() -> Self {
        let faulty = FaultyStore::new(MemoryStore::new());
        let fixed = FixedClock::default();
        let passwords = PlainPasswords::new(faulty.memory.clone());
        let store = faulty.shared();
        let clock: Arc<dyn Clock> = Arc::new(fixed.clone());
        let hasher = Arc::new(passwords.clone());
        Self {
            curators: Curators::new(Arc::clone(&store), Arc::clone(&clock), hasher),
            cards: Cards::new(Arc::clone(&store), Arc::clone(&clock)),
            feeds: Feeds::new(Arc::clone(&store)),
            notifications: Notifications::new(Arc::clone(&store), clock),
            analytics: Analytics::new(store),
            store: faulty,
            clock: fixed,
            passwords,
        }
    }

    /// Accounts with these handles.
    pub(crate) async fn register<const N: usize>(&self, handles: [&str; N]) -> [Curator; N] {
        let mut curators = Vec::new();
        for handle in handles {
            let registered = self.curators.register(registration(handle), origin()).await;
            curators.push(registered.unwrap());
        }
        curators.try_into().unwrap()
    }

    pub(crate) async fn follow(&self, follower: &Curator, followee: &Curator) {
        let followed = self.curators.follow(follower.id, followee.id, origin());
        followed.await.unwrap();
    }

    pub(crate) async fn unfollow(&self, follower: &Curator, followee: &Curator) {
        let unfollowed = self.curators.unfollow(follower.id, followee.id, origin());
        unfollowed.await.unwrap();
    }

    pub(crate) async fn save(&self, curator: &Curator, address: &str) -> Card {
        let saved = self.cards.save(curator.id, url(address), origin());
        saved.await.unwrap()
    }

    pub(crate) async fn remove(&self, card: &Card) {
        let removed = self.cards.remove(card.curator, card.id, origin());
        removed.await.unwrap();
    }

    /// The cards in somebody's library, newest first.
    pub(crate) async fn cards_of(&self, curator: &Curator) -> Vec<Card> {
        let page = self.cards.library(curator.id, PageRequest::default());
        page.await.unwrap().rows
    }

    /// The addresses in somebody's home feed, as shown.
    pub(crate) async fn home(&self, reader: &Curator) -> Vec<String> {
        let page = self.feeds.home(reader.id, PageRequest::default());
        let items = page.await.unwrap().rows;
        let address = |card: Card| card.link().map(ToString::to_string);
        items
            .into_iter()
            .filter_map(|item| address(item.card))
            .collect()
    }

    /// Lets all handlers act on these events, as the in-process publisher does.
    pub(crate) async fn hand_over(&self, events: &[EventEnvelope]) {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let publisher = InProcessPublisher::new(&self.store.shared(), &clock);
        publisher.publish(events).await.unwrap();
    }

    /// Lets all handlers act on everything that has happened; they pass over what they know.
    pub(crate) async fn settle(&self) {
        self.hand_over(&self.store.memory.events()).await;
    }

    /// What has happened, in order.
    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        let events = self.store.memory.events();
        events.iter().map(EventEnvelope::kind).collect()
    }

    /// The last thing that happened.
    pub(crate) fn last_event(&self) -> DomainEvent {
        self.last_envelope().event
    }

    pub(crate) fn last_envelope(&self) -> EventEnvelope {
        self.store.memory.events().pop().unwrap()
    }
}

pub(crate) fn registration(handle: &str) -> Registration {
    Registration {
        handle: handle_of(handle),
        display_name: DisplayName::parse(handle).unwrap(),
        password: password(PASSWORD),
    }
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text.to_owned()).unwrap()
}

/// A card's content: a link and nothing else.
pub(crate) fn url(address: &str) -> CardContent {
    CardContent::Url {
        link: link(address),
        title: None,
        note: None,
    }
}

/// An origin that says more than that there was a request.
pub(crate) fn traced() -> Origin {
    Origin {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..origin()
    }
}

/// Somebody who has no account.
pub(crate) fn nobody() -> CuratorId {
    CuratorId::generate(testkit::builders::NOW)
}
