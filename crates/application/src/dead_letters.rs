//! Jobs that failed for good: kept, shown, edited, discarded, and sent on their way again.

mod reconcile;
mod redrive;
mod road;

use std::sync::Arc;

use domain::event::dead_letter::{
    DeadLetter, DeadLetterFilter, DeadLetterId, FailedForGood, LetterState,
};
use domain::{Clock, EventEnvelope, EventId, Page, PageRequest, StoreError, UnitOfWork};

pub use reconcile::FailedJob;
pub use redrive::{Redrive, RedriveReport};
pub use road::OutboxRoad;

use crate::SharedStore;

/// Why something can't be done with a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// There is no such letter.
    #[error("there is no dead letter {0}")]
    Unknown(DeadLetterId),
    /// What became of the letter stands against it.
    #[error("dead letter {id} is {state}, and only one that is dead can be {wanted}")]
    NotDead {
        /// The letter.
        id: DeadLetterId,
        /// What became of it.
        state: LetterState,
        /// What it can't be.
        wanted: &'static str,
    },
    /// Somebody or something else changed the letter in between.
    #[error("dead letter {0} has changed meanwhile; look at it again")]
    Changed(DeadLetterId),
    /// The new payload is not an event.
    #[error("the payload is no event that this release can read: {0}")]
    Payload(String),
    /// The new payload is another event than the one that failed.
    #[error("the payload is event {found}, and the letter is about event {expected}")]
    AnotherEvent {
        /// The event that failed.
        expected: EventId,
        /// The event of the payload.
        found: EventId,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps dead letters and shows them.
#[derive(Clone)]
pub struct DeadLetters {
    store: SharedStore,
    clock: Arc<dyn Clock>,
}

impl DeadLetters {
    /// Use cases on this store.
    pub fn new(store: SharedStore, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Keeps failures, all of them or none; not those of a handler that has acted meanwhile, because
    /// another worker had the job too. Called before the queue learns that a job failed: if the
    /// process dies in between, the job is performed again and fails again, and there is one letter
    /// all the same.
    pub async fn keep(&self, failures: &[FailedForGood]) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        for failure in failures {
            if !has_acted(work.as_mut(), failure).await? {
                work.dead_letters().record(failure).await?;
            }
        }
        work.commit().await
    }

    /// Letters, the last failure first.
    pub async fn list(
        &self,
        filter: &DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        self.store.dead_letters().list(filter, page).await
    }

    /// One letter.
    pub async fn find(&self, id: DeadLetterId) -> Result<DeadLetter, DeadLetterError> {
        let letter = self.store.dead_letters().by_id(id).await?;
        letter.ok_or(DeadLetterError::Unknown(id))
    }

    /// Every letter that the filter lets through, the last failure first.
    pub async fn select(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters = Vec::new();
        let mut request = PageRequest::default();
        loop {
            let page = self.list(filter, request).await?;
            letters.extend(page.rows);
            request.after = page.next;
            if page.next.is_none() {
                return Ok(letters);
            }
        }
    }

    /// Puts another payload in the place of a dead letter's, which a redrive then sends. It must be
    /// an event that this release can read, and the one that failed if that could be read.
    pub async fn edit(
        &self,
        id: DeadLetterId,
        payload: &str,
    ) -> Result<DeadLetter, DeadLetterError> {
        let letter = self.dead(id, "edited").await?;
        let envelope = EventEnvelope::from_json(payload)
            .map_err(|error| DeadLetterError::Payload(error.to_string()))?;
        if let Some(expected) = letter.failure.event
            && expected != envelope.id
        {
            let found = envelope.id;
            return Err(DeadLetterError::AnotherEvent { expected, found });
        }
        let mut work = self.store.begin().await?;
        let now = self.clock.now();
        let letters = work.dead_letters();
        if !letters.edit(&letter, payload, envelope.id, now).await? {
            return Err(DeadLetterError::Changed(id));
        }
        work.commit().await?;
        self.find(id).await
    }

    /// Decides that nothing is to be done about a letter. It is kept for the retention time.
    pub async fn discard(&self, id: DeadLetterId) -> Result<(), DeadLetterError> {
        let letter = self.dead(id, "discarded").await?;
        let mut work = self.store.begin().await?;
        let (now, state) = (self.clock.now(), LetterState::Discarded);
        if !work.dead_letters().bring_to(&letter, state, now).await? {
            return Err(DeadLetterError::Changed(id));
        }
        Ok(work.commit().await?)
    }

    async fn dead(
        &self,
        id: DeadLetterId,
        wanted: &'static str,
    ) -> Result<DeadLetter, DeadLetterError> {
        let letter = self.find(id).await?;
        let state = letter.state;
        if state == LetterState::Dead {
            return Ok(letter);
        }
        Err(DeadLetterError::NotDead { id, state, wanted })
    }
}

/// Whether the handler has acted on the event after all. A handler that is acting now is waited for,
/// or acts after this unit of work and then resolves what is kept in it.
async fn has_acted(work: &mut dyn UnitOfWork, failure: &FailedForGood) -> Result<bool, StoreError> {
    let Some(event) = failure.event else {
        return Ok(false);
    };
    let handler = &failure.work.handler;
    // Asking is noting, which is taken back.
    let is_first = work
        .inbox()
        .first_time(handler, event, failure.failed_at)
        .await?;
    if is_first {
        work.inbox().forget(handler, event).await?;
    }
    Ok(!is_first)
}
