//! Which handler has seen which event.

use async_trait::async_trait;
use domain::event::inbox::Inbox;
use domain::{EventId, StoreError, UnixMillis};

use super::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl Inbox for MemoryUnitOfWork {
    async fn first_time(
        &mut self,
        handler: &str,
        event: EventId,
        _now: UnixMillis,
    ) -> Result<bool, StoreError> {
        Ok(self.state.inbox.insert((handler.to_owned(), event)))
    }
}
