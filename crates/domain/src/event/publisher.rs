//! The port through which events leave the process that raised them.

use async_trait::async_trait;

use super::{EventEnvelope, EventId};
use crate::store::{BoxError, StoreError};

/// Why events were not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The destination can't be reached: none of the events counts as published, all of them are
    /// to be published again.
    #[error("events can't be published now")]
    Unavailable(#[source] BoxError),
    /// These events were refused; all the others are published.
    #[error("{} events were refused", .0.len())]
    Refused(Vec<Refusal>),
}

/// An event that was not published, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The event.
    pub event: EventId,
    /// Why, in words for the operator.
    pub reason: String,
    /// Whether publishing it again may help.
    pub retry: Retry,
}

/// Whether doing something again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It may.
    Later,
    /// It can't.
    Never,
}

/// Carries events to whoever acts on them.
///
/// An implementation MUST return `Ok` only when every event is safe with the destination (a crash
/// of this process loses none of them), MUST keep the order it was given within one aggregate, and
/// MUST make publishing an event again harmless, because a publisher that crashes between the
/// destination's answer and its own record will.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events in the order given.
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError>;

    /// Keeps what is to be known of an event that the last [`publish`](Self::publish) refused, before
    /// it is set aside after so many refusals. Where this fails, it is not set aside yet.
    async fn give_up(&self, _event: &EventEnvelope, _refusals: u32) -> Result<(), StoreError> {
        Ok(())
    }
}
