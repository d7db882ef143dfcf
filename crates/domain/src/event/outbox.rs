//! The outbox: events wait here, in the transaction that raised them, until they are published.

use async_trait::async_trait;

use super::{EventEnvelope, EventId};
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Takes the events that a unit of work raises.
#[async_trait]
pub trait Outbox: Send {
    /// Records events to be published after the commit, in this order.
    async fn record(&mut self, events: &[EventEnvelope]) -> Result<(), StoreError>;
}

/// An event that waits to be published.
#[derive(Debug)]
pub struct Pending {
    /// The event.
    pub envelope: EventEnvelope,
    /// How often publishing it was tried and refused.
    pub refusals: u32,
}

/// How much waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Events that wait, those that wait for another try among them.
    pub pending: u64,
    /// Events that were refused for good and wait for an operator.
    pub parked: u64,
    /// When the oldest waiting event was recorded.
    pub oldest: Option<UnixMillis>,
}

/// The relay's side of the outbox.
#[async_trait]
pub trait OutboxReader: Send + Sync {
    /// Waits until events may have been recorded since the last call returned.
    ///
    /// MUST return for every commit that recorded events in this process, also for one that
    /// happened before the call. May return although there is nothing.
    async fn recorded(&self);

    /// The events to publish at `now`, in the order in which they were recorded, at most `limit`.
    ///
    /// MUST skip events that are published, parked or deferred beyond `now`. An event that can't
    /// be read is parked with the reason, so that it holds up no other.
    async fn pending(&self, now: UnixMillis, limit: u32) -> Result<Vec<Pending>, StoreError>;

    /// Records that events are safe with their destination.
    async fn mark_published(&self, events: &[EventId], now: UnixMillis) -> Result<(), StoreError>;

    /// Puts an event off until `until`, counting one more refusal.
    async fn defer(
        &self,
        event: EventId,
        reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Sets an event aside for an operator: it is not tried again, and not lost.
    async fn park(&self, event: EventId, reason: &str) -> Result<(), StoreError>;

    /// When the next deferred event is due; absent if none is deferred.
    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// How much waits.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}
