//! The inbox: which handler has seen which event, in the transaction of the effects.

use async_trait::async_trait;

use super::EventId;
use crate::store::StoreError;
use crate::time::UnixMillis;

/// Makes each effect exactly once per event and handler.
#[async_trait]
pub trait Inbox: Send {
    /// Records that `handler` acts on `event` in this unit of work. `false` if it already did, in
    /// which case nothing may be done again.
    ///
    /// Two units of work that ask for the same pair at the same time MUST NOT both get `true` and
    /// both commit.
    async fn first_time(
        &mut self,
        handler: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;

    /// Takes back, with the commit of this unit of work, that `handler` acted on `event`, as if it
    /// never had.
    async fn forget(&mut self, handler: &str, event: EventId) -> Result<(), StoreError>;
}
