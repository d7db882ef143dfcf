//! Storage in memory: a fake that keeps every promise of the storage ports.
//!
//! A unit of work changes a copy of the state, and its commit puts the copy in place. One writer at
//! a time, as in SQLite: [`Store::begin`] and the writing half of the outbox wait while a unit of
//! work is open.

mod analytics;
mod archive;
mod cards;
mod curators;
mod dead_letters;
mod feeds;
mod generations;
mod inbox;
mod notifications;
mod outbox;
mod unit_of_work;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::{Card, CardId, CardReader};
use domain::curators::{
    ApiToken, Curator, CuratorId, CuratorReader, FollowerChunk, PasswordHash, TokenId,
};
use domain::event::dead_letter::{DeadLetter, DeadLetterReader, FailedWork};
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{
    EventEnvelope, EventId, EventKind, PageRequest, Position, Store, StoreError, UnitOfWork,
    UnixMillis,
};
use tokio::sync::{Mutex, Notify};

use self::generations::QueueData;
use self::notifications::Told;
use self::outbox::Recorded;
use self::unit_of_work::MemoryUnitOfWork;

/// Everything that is stored, in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStore {
    committed: Arc<RwLock<State>>,
    turn: Arc<Mutex<()>>,
    /// Whose turn it is to publish.
    relays: Arc<Mutex<()>>,
    recorded: Arc<Notify>,
}

#[derive(Clone, Default)]
struct State {
    curators: BTreeMap<CuratorId, (Curator, PasswordHash)>,
    tokens: BTreeMap<TokenId, ApiToken>,
    /// (follower, followee), since when.
    follows: BTreeMap<(CuratorId, CuratorId), UnixMillis>,
    cards: BTreeMap<CardId, Card>,
    /// (reader, card), and the card's author.
    feeds: BTreeMap<(CuratorId, CardId), CuratorId>,
    /// By event and recipient.
    notifications: BTreeMap<(EventId, CuratorId), Told>,
    /// (day, name of the kind), and how often.
    counts: BTreeMap<(String, &'static str), (EventKind, u64)>,
    outbox: Vec<Recorded>,
    /// (handler, event), and when it was handled.
    inbox: BTreeMap<(String, EventId), UnixMillis>,
    dead_letters: BTreeMap<FailedWork, DeadLetter>,
    queue_data: Option<QueueData>,
}

impl MemoryStore {
    /// A store that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event that was ever recorded, published or not, in order.
    pub fn events(&self) -> Vec<EventEnvelope> {
        self.read(|state| state.outbox.iter().map(Recorded::envelope).collect())
    }

    /// Empties all feeds, as a fault of the past would have.
    pub async fn lose_feeds(&self) {
        self.change(|state| state.feeds.clear()).await;
    }

    /// How many entries all feeds hold, those of removed cards among them.
    pub fn entries(&self) -> usize {
        self.read(|state| state.feeds.len())
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(
            &self
                .committed
                .read()
                .expect("nobody panics while changing the state"),
        )
    }

    async fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let _turn = self.turn.lock().await;
        change(
            &mut self
                .committed
                .write()
                .expect("nobody panics while changing the state"),
        )
    }
}

impl State {
    /// What a foreign key does in a database.
    fn require_curator(&self, curator: CuratorId) -> Result<(), StoreError> {
        if self.curators.contains_key(&curator) {
            return Ok(());
        }
        Err(StoreError::Unavailable(
            format!("there is no curator {curator}").into(),
        ))
    }

    fn follows(&self, follower: CuratorId, followee: CuratorId) -> bool {
        self.follows.contains_key(&(follower, followee))
    }

    fn followers(&self, followee: CuratorId, chunk: FollowerChunk) -> Vec<CuratorId> {
        let follows = self.follows.keys();
        let theirs = follows.filter(|(follower, followed)| {
            *followed == followee && chunk.after.is_none_or(|after| *follower > after)
        });
        // The map is in the order of the followers.
        theirs
            .map(|(follower, _)| *follower)
            .take(chunk.limit.get() as usize)
            .collect()
    }

    fn curator(&self, curator: CuratorId) -> Option<&Curator> {
        self.curators.get(&curator).map(|(curator, _)| curator)
    }
}

/// The rows of a page and one more, newest first.
fn newest_first<T>(
    mut rows: Vec<T>,
    page: &PageRequest,
    position: impl Fn(&T) -> Position,
) -> Vec<T> {
    rows.retain(|row| page.after.is_none_or(|after| position(row) < after));
    rows.sort_by_key(|row| std::cmp::Reverse(position(row)));
    rows.truncate(page.limit.rows() as usize + 1);
    rows
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(MemoryUnitOfWork::begin(self.clone()).await))
    }

    fn curators(&self) -> &dyn CuratorReader {
        self
    }

    fn cards(&self) -> &dyn CardReader {
        self
    }

    fn feeds(&self) -> &dyn FeedReader {
        self
    }

    fn notifications(&self) -> &dyn NotificationReader {
        self
    }

    fn analytics(&self) -> &dyn AnalyticsReader {
        self
    }

    fn dead_letters(&self) -> &dyn DeadLetterReader {
        self
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
