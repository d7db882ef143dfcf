//! Storage in memory that can't be reached at first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::CardReader;
use domain::curators::CuratorReader;
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Store, StoreError, UnitOfWork};
use testkit::memory::MemoryStore;

struct Flaky {
    memory: MemoryStore,
    failures: AtomicU32,
    error: fn() -> StoreError,
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("the cable is cut".into())
}

pub(crate) fn corrupt() -> StoreError {
    StoreError::Corrupt {
        what: "card",
        source: "it is torn".into(),
    }
}

#[async_trait]
impl Store for Flaky {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let one_less = |left: u32| left.checked_sub(1);
        let failures = &self.failures;
        match failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Err((self.error)()),
            Err(_) => self.memory.begin().await,
        }
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

/// Storage whose first units of work fail like this.
pub(crate) fn failing(failures: u32, error: fn() -> StoreError) -> (MemoryStore, Arc<dyn Store>) {
    let memory = MemoryStore::new();
    let flaky = Flaky {
        memory: memory.clone(),
        failures: AtomicU32::new(failures),
        error,
    };
    (memory, Arc::new(flaky))
}

/// Storage that never fails.
pub(crate) fn sound() -> (MemoryStore, Arc<dyn Store>) {
    let memory = MemoryStore::new();
    (memory.clone(), Arc::new(memory))
}
