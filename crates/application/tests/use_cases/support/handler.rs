//! Handlers that do as they are told, and count how often they are asked.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use application::events::handler::{EventHandler, HandlerError, Progress};
use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::{EventEnvelope, EventKind, UnitOfWork, UnixMillis};
use tokio::sync::Notify;

/// What a handler does with an event, after it has changed something.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    Succeed,
    FailForNow,
    FailForGood,
    Hang,
}

/// A handler whose effect is one more event of the kind in the counts.
pub(crate) struct FakeHandler {
    name: &'static str,
    kinds: &'static [EventKind],
    next: Mutex<VecDeque<Does>>,
    calls: AtomicU32,
    /// Told once the handler hangs.
    pub(crate) hangs: Notify,
}

impl FakeHandler {
    /// A handler of every event, that does this with the first ones and succeeds after that.
    pub(crate) fn new(name: &'static str, next: impl IntoIterator<Item = Does>) -> Self {
        Self::of(EventKind::ALL, name, next)
    }

    /// A handler of some kinds of events.
    pub(crate) fn of(
        kinds: &'static [EventKind],
        name: &'static str,
        next: impl IntoIterator<Item = Does>,
    ) -> Self {
        Self {
            name,
            kinds,
            next: Mutex::new(next.into_iter().collect()),
            calls: AtomicU32::new(0),
            hangs: Notify::new(),
        }
    }

    /// How often it was asked to act.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventHandler for FakeHandler {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reacts_to(&self, kind: EventKind) -> bool {
        self.kinds.contains(&kind)
    }

    fn bears_repetition(&self) -> bool {
        false
    }

    async fn handle(
        &self,
        envelope: &EventEnvelope,
        _after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        now: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        work.analytics().count(envelope.kind(), now).await?;
        let next = self.next.lock().unwrap().pop_front();
        match next.unwrap_or(Does::Succeed) {
            Does::Succeed => Ok(Progress::Done),
            Does::FailForNow => Err(HandlerError::Transient(self.name.into())),
            Does::FailForGood => Err(HandlerError::Permanent(self.name.into())),
            Does::Hang => {
                self.hangs.notify_one();
                std::future::pending().await
            }
        }
    }
}
