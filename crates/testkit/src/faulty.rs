//! Storage in memory that fails when it is told to, and counts what it commits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use domain::analytics::{AnalyticsReader, AnalyticsRepository};
use domain::cards::{CardReader, CardRepository};
use domain::curators::{CuratorReader, CuratorRepository};
use domain::event::dead_letter::{DeadLetterReader, DeadLetterRepository};
use domain::event::inbox::Inbox;
use domain::event::outbox::Outbox;
use domain::feeds::{FeedReader, FeedRepository};
use domain::notifications::{NotificationReader, NotificationRepository};
use domain::{Store, StoreError, UnitOfWork};

use crate::memory::MemoryStore;

/// The fake, with faults in front of it. Clones share both.
#[derive(Clone)]
pub struct FaultyStore {
    /// What is behind the faults.
    pub memory: MemoryStore,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    begins: VecDeque<Option<StoreError>>,
    all_begins: Option<fn() -> StoreError>,
    commits: VecDeque<Option<StoreError>>,
    committed: u32,
}

/// Storage is away.
pub fn unavailable() -> StoreError {
    StoreError::Unavailable("the cable is cut".into())
}

/// Storage holds what nobody can read.
pub fn corrupt() -> StoreError {
    StoreError::Corrupt {
        what: "card",
        source: "it is torn".into(),
    }
}

impl FaultyStore {
    /// Faults in front of this storage; none yet.
    pub fn new(memory: MemoryStore) -> Self {
        Self {
            memory,
            faults: Arc::default(),
        }
    }

    /// As use cases hold it.
    pub fn shared(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    /// The next units of work begin, or fail to, in this order; those after them begin.
    pub fn next_begins(&self, begins: impl IntoIterator<Item = Option<StoreError>>) {
        self.faults().begins.extend(begins);
    }

    /// From now on no unit of work begins.
    pub fn never_begins(&self, error: fn() -> StoreError) {
        self.faults().all_begins = Some(error);
    }

    /// From now on units of work begin again.
    pub fn begins_again(&self) {
        self.faults().all_begins = None;
    }

    /// The next commit fails and changes nothing.
    pub fn fail_next_commit(&self) {
        self.faults().commits.push_back(Some(unavailable()));
    }

    /// The commit after so many more fails and changes nothing.
    pub fn fail_commit_after(&self, good: usize) {
        let mut faults = self.faults();
        faults.commits.extend((0..good).map(|_| None));
        faults.commits.push_back(Some(unavailable()));
    }

    /// How many units of work were committed.
    pub fn committed(&self) -> u32 {
        self.faults().committed
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }
}

fn lock(faults: &Mutex<Faults>) -> MutexGuard<'_, Faults> {
    faults.lock().expect("nobody panics while holding it")
}

#[async_trait]
impl Store for FaultyStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let fault = {
            let mut faults = self.faults();
            let next = faults.begins.pop_front().flatten();
            next.or_else(|| faults.all_begins.map(|error| error()))
        };
        if let Some(error) = fault {
            return Err(error);
        }
        Ok(Box::new(FaultyUnitOfWork {
            work: self.memory.begin().await?,
            faults: Arc::clone(&self.faults),
        }))
    }

    fn curators(&self) -> &dyn CuratorReader {
        self.memory.curators()
    }

    fn cards(&self) -> &dyn CardReader {
        self.memory.cards()
    }

    fn feeds(&self) -> &dyn FeedReader {
        self.memory.feeds()
    }

    fn notifications(&self) -> &dyn NotificationReader {
        self.memory.notifications()
    }

    fn analytics(&self) -> &dyn AnalyticsReader {
        self.memory.analytics()
    }

    fn dead_letters(&self) -> &dyn DeadLetterReader {
        self.memory.dead_letters()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.memory.ping().await
    }
}

struct FaultyUnitOfWork {
    work: Box<dyn UnitOfWork>,
    faults: Arc<Mutex<Faults>>,
}

#[async_trait]
impl UnitOfWork for FaultyUnitOfWork {
    fn curators(&mut self) -> &mut dyn CuratorRepository {
        self.work.curators()
    }

    fn cards(&mut self) -> &mut dyn CardRepository {
        self.work.cards()
    }

    fn feeds(&mut self) -> &mut dyn FeedRepository {
        self.work.feeds()
    }

    fn notifications(&mut self) -> &mut dyn NotificationRepository {
        self.work.notifications()
    }

    fn analytics(&mut self) -> &mut dyn AnalyticsRepository {
        self.work.analytics()
    }

    fn outbox(&mut self) -> &mut dyn Outbox {
        self.work.outbox()
    }

    fn inbox(&mut self) -> &mut dyn Inbox {
        self.work.inbox()
    }

    fn dead_letters(&mut self) -> &mut dyn DeadLetterRepository {
        self.work.dead_letters()
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let fault = lock(&self.faults).commits.pop_front().flatten();
        if let Some(error) = fault {
            return Err(error);
        }
        self.work.commit().await?;
        lock(&self.faults).committed += 1;
        Ok(())
    }
}
