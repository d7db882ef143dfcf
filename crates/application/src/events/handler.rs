//! What acts on an event.

use async_trait::async_trait;
use domain::store::BoxError;
use domain::{EventEnvelope, EventKind, StoreError, UnitOfWork, UnixMillis};

/// A reaction to events.
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// The stable name under which the inbox remembers what this handler has done.
    fn name(&self) -> &'static str;

    /// Whether events of this kind concern it.
    fn reacts_to(&self, kind: EventKind) -> bool;

    /// Acts on an event by changing what is stored. Called once for each event as far as the
    /// effects in `work` go, because they are committed together with the inbox's record.
    async fn handle(
        &self,
        envelope: &EventEnvelope,
        work: &mut dyn UnitOfWork,
        now: UnixMillis,
    ) -> Result<(), HandlerError>;
}

/// Why a handler failed, which decides whether it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Storage is away, so nothing was tried: it is no attempt of the event's.
    #[error("{0}")]
    Away(#[source] BoxError),
    /// Trying again may help.
    #[error("{0}")]
    Transient(#[source] BoxError),
    /// Trying again can't help.
    #[error("{0}")]
    Permanent(#[source] BoxError),
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Permanent(error.into()),
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Self::Transient(error.into()),
        }
    }
}
