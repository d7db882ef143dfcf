//! The storage ports of dead letters.

use async_trait::async_trait;

use super::{DeadLetter, DeadLetterId, FailedForGood, FailureClass, LetterState};
use crate::event::EventId;
use crate::page::{Page, PageRequest};
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Which letters; every part that is absent lets all of them through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    /// Of this queue.
    pub queue: Option<String>,
    /// Of this handler.
    pub handler: Option<String>,
    /// Of this type of event.
    pub kind: Option<String>,
    /// Of this class.
    pub class: Option<FailureClass>,
    /// Of this cause.
    pub fingerprint: Option<String>,
    /// In this state.
    pub state: Option<LetterState>,
    /// That failed at this time or later.
    pub from: Option<UnixMillis>,
    /// That failed before this time.
    pub until: Option<UnixMillis>,
}

/// How many letters are dead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadLetterCount {
    /// Of this handler.
    pub handler: String,
    /// Of this class.
    pub class: FailureClass,
    /// So many.
    pub letters: u64,
}

/// Changes dead letters. Each change counts one revision more.
#[async_trait]
pub trait DeadLetterRepository: Send {
    /// Keeps a failure. There MUST be one letter for the work that failed, in state dead after
    /// this, with what the last failure says; recording the same failure again is harmless.
    async fn record(&mut self, failure: &FailedForGood) -> Result<DeadLetterId, StoreError>;

    /// Keeps a failure that was found afterwards: `true` if that changed anything. MUST change
    /// nothing where there is a letter for the work, unless that was redriven before it failed.
    async fn reconcile(&mut self, failure: &FailedForGood) -> Result<bool, StoreError>;

    /// Notes that a handler has acted on an event: MUST turn its letter from dead or redriven to
    /// resolved.
    async fn resolve(
        &mut self,
        handler: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Puts another payload in the place of a letter's, and the event that it holds; the first one
    /// is kept. `false`, and no change, if the letter is not dead at this revision.
    async fn edit(
        &mut self,
        letter: &DeadLetter,
        payload: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;

    /// Brings a letter to another state. `false`, and no change, if its revision is not this one.
    async fn bring_to(
        &mut self,
        letter: &DeadLetter,
        state: LetterState,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;
}

/// Reads dead letters.
#[async_trait]
pub trait DeadLetterReader: Send + Sync {
    /// One letter.
    async fn by_id(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError>;

    /// Letters, the last failure first.
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError>;

    /// How many letters wait for somebody to decide, by handler and class; none that are nought.
    async fn dead(&self) -> Result<Vec<DeadLetterCount>, StoreError>;
}
