//! What acts on an event.

use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::store::BoxError;
use domain::{EventEnvelope, EventKind, StoreError, UnitOfWork, UnixMillis};

/// A reaction to events.
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// The stable name under which the inbox remembers what this handler has done.
    fn name(&self) -> &'static str;

    /// Whether events of this kind concern it.
    fn reacts_to(&self, kind: EventKind) -> bool;

    /// Whether acting once more on an event that it has acted on changes nothing that is there
    /// already. A replay passes over what others have handled.
    fn bears_repetition(&self) -> bool;

    /// Acts on an event by changing what is stored. Called once for each event as far as the
    /// effects in `work` go, because they are committed together with the inbox's record.
    ///
    /// An event that concerns too many people for one transaction is handled in parts: each call
    /// does a part, from behind the curator on whom the part before ended, and is committed by
    /// itself. If a part fails, the parts start anew, so what is done in parts MUST bear
    /// repetition.
    async fn handle(
        &self,
        envelope: &EventEnvelope,
        after: Option<CuratorId>,
        work: &mut dyn UnitOfWork,
        now: UnixMillis,
    ) -> Result<Progress, HandlerError>;
}

/// How far a handler got with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is done with it.
    Done,
    /// This was a part, which ended on this curator.
    UpTo(CuratorId),
}

impl Progress {
    /// Done, unless a part ended on somebody.
    pub fn from_end(end: Option<CuratorId>) -> Self {
        end.map_or(Self::Done, Self::UpTo)
    }
}

/// Why a handler failed, which decides whether it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Somebody else may have the work by now, so nothing was committed: what becomes of the event is
    /// not for this attempt to say.
    #[error("{0}")]
    Taken(#[source] BoxError),
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

impl HandlerError {
    /// Whether trying again may help.
    pub fn can_be_mended(&self) -> bool {
        !matches!(self, Self::Permanent(_))
    }

    /// How soon it may be mended, higher for sooner.
    pub(super) fn hope(&self) -> u8 {
        match self {
            Self::Permanent(_) => 0,
            Self::Transient(_) => 1,
            Self::Away(_) => 2,
            Self::Taken(_) => 3,
        }
    }

    /// What went wrong.
    pub fn cause(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        match self {
            Self::Taken(cause)
            | Self::Away(cause)
            | Self::Transient(cause)
            | Self::Permanent(cause) => cause.as_ref(),
        }
    }
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Permanent(error.into()),
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Self::Transient(error.into()),
        }
    }
}
