//! The way back of letters whose events never left the outbox.

use std::sync::Arc;

use async_trait::async_trait;
use domain::event::dead_letter::{DeadLetter, RedriveError, RedriveRoad};
use domain::event::outbox::OutboxReader;

/// Lets an event that the outbox has set aside go again; a letter whose event has left it goes along
/// another road.
///
/// What is handled in the process that published it (`web --embedded`) fails for good there and has
/// no job in any queue.
pub struct OutboxRoad {
    outbox: Arc<dyn OutboxReader>,
    beyond: Arc<dyn RedriveRoad>,
}

impl OutboxRoad {
    /// A road through this outbox, and the one behind it.
    pub fn new(outbox: Arc<dyn OutboxReader>, beyond: Arc<dyn RedriveRoad>) -> Self {
        Self { outbox, beyond }
    }
}

#[async_trait]
impl RedriveRoad for OutboxRoad {
    async fn send(&self, letter: &DeadLetter) -> Result<(), RedriveError> {
        let failure = &letter.failure;
        if let Some(event) = failure.event {
            let gone = self.outbox.let_go(event, &failure.payload).await;
            if gone.map_err(|error| RedriveError::Unavailable(error.into()))? {
                return Ok(());
            }
        }
        self.beyond.send(letter).await
    }
}
