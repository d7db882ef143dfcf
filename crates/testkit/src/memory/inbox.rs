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
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let pair = (handler.to_owned(), event);
        let is_new = !self.state.inbox.contains_key(&pair);
        self.state.inbox.entry(pair).or_insert(now);
        Ok(is_new)
    }

    async fn forget(&mut self, handler: &str, event: EventId) -> Result<(), StoreError> {
        self.state.inbox.remove(&(handler.to_owned(), event));
        Ok(())
    }
}
