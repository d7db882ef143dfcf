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

/// Events that one relay has to itself, so that it publishes them and no other does meanwhile.
///
/// Dropping it gives the events back too, though perhaps not at once.
#[async_trait]
pub trait Claim: Send {
    /// The events, in the order in which they were recorded.
    fn events(&self) -> &[Pending];

    /// Gives back what is still to be published. Another relay may have it as soon as this
    /// returns.
    async fn release(self: Box<Self>);
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
    /// happened before the call. SHOULD return for those of other processes. May return although
    /// there is nothing.
    async fn recorded(&self);

    /// Claims what is [`pending`](Self::pending), for one relay among several.
    ///
    /// While a claim is held, no other MUST hold an event of the same subject, and the events of a
    /// subject are claimed from its first that is pending on: so several relays at once publish
    /// the events of a subject in order. A claim MUST end with the process that holds it.
    ///
    /// May wait while others hold what is pending, and may give nothing then.
    async fn claim(&self, now: UnixMillis, limit: u32) -> Result<Box<dyn Claim>, StoreError>;

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

    /// Lets an event that was set aside go again, with this payload and as if it had never been
    /// refused; whether it is on its way. It is if it waits already, and it is not if it was
    /// published or is not there.
    async fn let_go(&self, event: EventId, payload: &str) -> Result<bool, StoreError>;

    /// When the next deferred event is due; absent if none is deferred.
    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError>;

    /// How much waits.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}
