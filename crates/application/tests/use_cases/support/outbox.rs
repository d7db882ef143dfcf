//! An outbox that hears nothing or fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use domain::event::outbox::{Backlog, Claim, OutboxReader, Pending};
use domain::{EventId, StoreError, UnixMillis};
use testkit::memory::MemoryStore;

use super::unavailable;

/// The fake, with faults in front of it.
pub(crate) struct FakeOutbox {
    memory: MemoryStore,
    is_deaf: AtomicBool,
    failing_looks: AtomicU32,
    failing_marks: AtomicU32,
}

impl FakeOutbox {
    pub(crate) fn new(memory: MemoryStore) -> Arc<Self> {
        Arc::new(Self {
            memory,
            is_deaf: AtomicBool::new(false),
            failing_looks: AtomicU32::new(0),
            failing_marks: AtomicU32::new(0),
        })
    }

    /// It hears of no commit, as of those of another process.
    pub(crate) fn is_deaf(&self) {
        self.is_deaf.store(true, Ordering::SeqCst);
    }

    /// So many of the next looks at what is pending fail.
    pub(crate) fn fail_looks(&self, count: u32) {
        self.failing_looks.store(count, Ordering::SeqCst);
    }

    /// So many of the next records that something was published fail.
    pub(crate) fn fail_marks(&self, count: u32) {
        self.failing_marks.store(count, Ordering::SeqCst);
    }
}

fn fails(left: &AtomicU32) -> Result<(), StoreError> {
    let one_less = |left: u32| left.checked_sub(1);
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Err(unavailable()),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl OutboxReader for FakeOutbox {
    async fn recorded(&self) {
        if self.is_deaf.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        self.memory.recorded().await;
    }

    async fn claim(&self, now: UnixMillis, limit: u32) -> Result<Box<dyn Claim>, StoreError> {
        fails(&self.failing_looks)?;
        self.memory.claim(now, limit).await
    }

    async fn pending(&self, now: UnixMillis, limit: u32) -> Result<Vec<Pending>, StoreError> {
        self.memory.pending(now, limit).await
    }

    async fn mark_published(&self, events: &[EventId], now: UnixMillis) -> Result<(), StoreError> {
        fails(&self.failing_marks)?;
        self.memory.mark_published(events, now).await
    }

    async fn defer(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        self.memory.defer(event, reason, until).await
    }

    async fn park(&self, event: EventId, reason: &str) -> Result<(), StoreError> {
        self.memory.park(event, reason).await
    }

    async fn let_go(&self, event: EventId, payload: &str) -> Result<bool, StoreError> {
        self.memory.let_go(event, payload).await
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        self.memory.next_due().await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.memory.backlog().await
    }
}
