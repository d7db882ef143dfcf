//! The storage ports: units of work for what changes, readers for what is shown.

use async_trait::async_trait;

use crate::analytics::{AnalyticsReader, AnalyticsRepository};
use crate::cards::{CardReader, CardRepository};
use crate::curators::{CuratorReader, CuratorRepository};
use crate::event::dead_letter::{DeadLetterReader, DeadLetterRepository};
use crate::event::inbox::Inbox;
use crate::event::outbox::Outbox;
use crate::feeds::{FeedReader, FeedRepository};
use crate::notifications::{NotificationReader, NotificationRepository};

/// An error of an adapter, kept as a source and never shown to people.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in a storage port.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A rule that storage holds (something must be unique) was broken.
    #[error("{0} is taken already")]
    Conflict(&'static str),
    /// Storage can't be reached or answered with an error; trying again may help.
    #[error("storage is unavailable")]
    Unavailable(#[source] BoxError),
    /// Storage holds something this release can't read; trying again won't help.
    #[error("storage holds an unreadable {what}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it can't be read.
        #[source]
        source: BoxError,
    },
}

/// Everything that is stored.
///
/// An implementation MUST let readers proceed while a unit of work is open.
#[async_trait]
pub trait Store: Send + Sync {
    /// Starts a unit of work; waits while another one that excludes it is open.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Reads curators, tokens and follows.
    fn curators(&self) -> &dyn CuratorReader;

    /// Reads cards.
    fn cards(&self) -> &dyn CardReader;

    /// Reads feeds.
    fn feeds(&self) -> &dyn FeedReader;

    /// Reads notifications.
    fn notifications(&self) -> &dyn NotificationReader;

    /// Reads the counts.
    fn analytics(&self) -> &dyn AnalyticsReader;

    /// Reads dead letters.
    fn dead_letters(&self) -> &dyn DeadLetterReader;

    /// Whether storage answers; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Changes that take effect together or not at all.
///
/// An implementation MUST make everything done through one unit of work visible at once when
/// [`commit`](UnitOfWork::commit) returns `Ok`, and MUST leave no trace of it when it is dropped
/// without a commit. Rows put in the [`Outbox`] and the [`Inbox`] belong to the same transaction.
#[async_trait]
pub trait UnitOfWork: Send {
    /// Curators, tokens and follows.
    fn curators(&mut self) -> &mut dyn CuratorRepository;

    /// Cards.
    fn cards(&mut self) -> &mut dyn CardRepository;

    /// Feed entries.
    fn feeds(&mut self) -> &mut dyn FeedRepository;

    /// Notifications.
    fn notifications(&mut self) -> &mut dyn NotificationRepository;

    /// Counts.
    fn analytics(&mut self) -> &mut dyn AnalyticsRepository;

    /// The events that this unit of work raises.
    fn outbox(&mut self) -> &mut dyn Outbox;

    /// The events whose effects this unit of work holds.
    fn inbox(&mut self) -> &mut dyn Inbox;

    /// Jobs that failed for good.
    fn dead_letters(&mut self) -> &mut dyn DeadLetterRepository;

    /// Makes everything take effect.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
