//! Storage whose units of work are shadows.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::CardReader;
use domain::curators::CuratorReader;
use domain::event::dead_letter::DeadLetterReader;
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Store, StoreError, UnitOfWork};

use super::{Change, Shadow};
use crate::SharedStore;

/// Reads as the storage behind it does, and changes nothing. Clones share what was noted.
#[derive(Clone)]
pub(in crate::events) struct ShadowStore {
    store: SharedStore,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl ShadowStore {
    /// In front of this storage.
    pub(in crate::events) fn in_front_of(store: &SharedStore) -> Self {
        Self {
            store: Arc::clone(store),
            changes: Arc::default(),
        }
    }

    /// What would have been changed so far.
    pub(in crate::events) fn changes(&self) -> Vec<Change> {
        let changes = self.changes.lock();
        changes.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Store for ShadowStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let work = self.store.begin().await?;
        Ok(Box::new(Shadow::of(work, &self.changes)))
    }

    fn curators(&self) -> &dyn CuratorReader {
        self.store.curators()
    }

    fn cards(&self) -> &dyn CardReader {
        self.store.cards()
    }

    fn feeds(&self) -> &dyn FeedReader {
        self.store.feeds()
    }

    fn notifications(&self) -> &dyn NotificationReader {
        self.store.notifications()
    }

    fn analytics(&self) -> &dyn AnalyticsReader {
        self.store.analytics()
    }

    fn dead_letters(&self) -> &dyn DeadLetterReader {
        self.store.dead_letters()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}
