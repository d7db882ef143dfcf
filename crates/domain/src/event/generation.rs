//! Generations of what the queues hold.
//!
//! Where events are published to may lose what it had acknowledged: it is started again, another
//! server takes its place, somebody empties it. From then on what it holds is of another generation.
//! What was published in an earlier one may be lost, unless its handlers have acted on it.

use async_trait::async_trait;

use super::{EventId, EventKind};
use crate::store::{BoxError, StoreError};
use crate::time::UnixMillis;

/// The number of a generation; each begins with one more than the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(i64);

impl Generation {
    /// The first one.
    pub const FIRST: Self = Self(0);

    /// A generation that was stored.
    pub fn from_i64(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

/// A handler, and a kind of event that it is to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// The kind.
    pub kind: EventKind,
    /// The handler's name.
    pub handler: &'static str,
}

/// What came of a look at events that were published in earlier generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// How many were looked at; none when there are no more.
    pub at: u64,
    /// How many of them are published again.
    pub again: u64,
}

/// Knows in which generation what was published.
#[async_trait]
pub trait Generations: Send + Sync {
    /// The generation of data with this identity. Where the last that was asked for had another, a
    /// new one begins with this call, and the second part says so, to one caller alone. The first
    /// identity ever begins none.
    async fn generation(&self, identity: &str) -> Result<(Generation, bool), StoreError>;

    /// Records that events are safe with their destination, unless another generation has begun:
    /// how many it were.
    ///
    /// MUST NOT record anything behind the back of a look: what a look at earlier generations did
    /// not find published is not recorded as published in one of them afterwards.
    async fn mark_published_in(
        &self,
        generation: Generation,
        events: &[EventId],
        now: UnixMillis,
    ) -> Result<u64, StoreError>;

    /// Looks at the next events that were published in generations before the last, at most
    /// `limit`, in the order of their generations and of recording. Those are to be published again
    /// on which a handler has still to act. A handler that failed for good has not; who decides
    /// about its dead letter decides about the event.
    ///
    /// MUST look at each event once for each generation in which it was published, and go on where
    /// another process has stopped. Gives nothing while another process looks.
    async fn publish_again(&self, duties: &[Duty], limit: u32) -> Result<Looked, StoreError>;
}

/// What tells one state of the destination's data from another.
#[async_trait]
pub trait QueueData: Send + Sync {
    /// The identity of what the destination holds now. It MUST be another one after anything was
    /// lost that had been acknowledged, and SHOULD else stay the same.
    async fn identity(&self) -> Result<String, BoxError>;
}
