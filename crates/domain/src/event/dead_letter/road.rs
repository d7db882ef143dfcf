//! The port through which a dead letter goes back on its way.

use async_trait::async_trait;

use super::DeadLetter;
use crate::store::BoxError;

/// Why a letter could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The queues can't be reached; trying again may help.
    #[error("the queues can't be reached")]
    Unavailable(#[source] BoxError),
    /// This letter can't go on its way as it is.
    #[error("{0}")]
    Refused(String),
}

/// Sends letters back to where they failed.
#[async_trait]
pub trait RedriveRoad: Send + Sync {
    /// Puts the letter's payload into its queue under the id it had, with all of its attempts.
    ///
    /// Sending a letter again MUST be harmless: where its job waits or is at work already, nothing
    /// is added.
    async fn send(&self, letter: &DeadLetter) -> Result<(), RedriveError>;
}
