//! Storage in memory that fails when it is told to, and counts what it commits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use application::SharedStore;
use async_trait::async_trait;
use domain::analytics::{AnalyticsReader, AnalyticsRepository};
use domain::cards::{CardReader, CardRepository};
use domain::curators::{CuratorReader, CuratorRepository};
use domain::event::inbox::Inbox;
use domain::event::outbox::Outbox;
use domain::feeds::{FeedReader, FeedRepository};
use domain::notifications::{NotificationReader, NotificationRepository};
use domain::{Store, StoreError, UnitOfWork};
use testkit::memory::MemoryStore;

/// The fake, with faults in front of it. Clones share both.
#[derive(Clone)]
pub(crate) struct FaultyStore {
    pub(crate) memory: MemoryStore,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    begins: VecDeque<Option<StoreError>>,
    commits: VecDeque<StoreError>,
    committed: u32,
}

/// Storage is away.
pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("the cable is cut".into())
}

/// Storage holds what nobody can read.
pub(crate) fn corrupt() -> StoreError {
    StoreError::Corrupt {
        what: "card",
        source: "it is torn".into(),
    }
}

impl FaultyStore {
    pub(crate) fn new(memory: MemoryStore) -> Self {
        Self {
            memory,
            faults: Arc::default(),
        }
    }

    /// As use cases hold it.
    pub(crate) fn shared(&self) -> SharedStore {
        Arc::new(self.clone())
    }

    /// The next units of work begin, or fail to, in this order; those after them begin.
    pub(crate) fn next_begins(&self, begins: impl IntoIterator<Item = Option<StoreError>>) {
        self.faults.lock().unwrap().begins.extend(begins);
    }

    /// The next commit fails and changes nothing.
    pub(crate) fn fail_next_commit(&self) {
        self.faults.lock().unwrap().commits.push_back(unavailable());
    }

    /// How many units of work were committed.
    pub(crate) fn committed(&self) -> u32 {
        self.faults.lock().unwrap().committed
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let fault = self.faults.lock().unwrap().begins.pop_front().flatten();
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

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let fault = self.faults.lock().unwrap().commits.pop_front();
        if let Some(error) = fault {
            return Err(error);
        }
        self.work.commit().await?;
        self.faults.lock().unwrap().committed += 1;
        Ok(())
    }
}
