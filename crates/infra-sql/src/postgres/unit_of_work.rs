//! A unit of work is one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use domain::analytics::AnalyticsRepository;
use domain::cards::CardRepository;
use domain::curators::CuratorRepository;
use domain::event::dead_letter::DeadLetterRepository;
use domain::event::inbox::Inbox;
use domain::event::outbox::Outbox;
use domain::feeds::FeedRepository;
use domain::notifications::NotificationRepository;
use domain::{StoreError, UnitOfWork};
use sqlx::{PgConnection, Postgres, Transaction};

use super::PostgresStore;
use super::signals::Signals;
use crate::failure::unavailable;

/// Each repository is this struct seen from another side; dropping it rolls back.
pub(super) struct PostgresUnitOfWork {
    tx: Transaction<'static, Postgres>,
    signals: Arc<Signals>,
    has_recorded: bool,
}

impl PostgresStore {
    pub(super) async fn unit_of_work(&self) -> Result<PostgresUnitOfWork, StoreError> {
        Ok(PostgresUnitOfWork {
            tx: self.pool.begin().await.map_err(unavailable)?,
            signals: Arc::clone(&self.signals),
            has_recorded: false,
        })
    }
}

impl PostgresUnitOfWork {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Makes the commit wake the relays.
    pub(super) fn has_recorded(&mut self) {
        self.has_recorded = true;
    }
}

#[async_trait]
impl UnitOfWork for PostgresUnitOfWork {
    fn curators(&mut self) -> &mut dyn CuratorRepository {
        self
    }

    fn cards(&mut self) -> &mut dyn CardRepository {
        self
    }

    fn feeds(&mut self) -> &mut dyn FeedRepository {
        self
    }

    fn notifications(&mut self) -> &mut dyn NotificationRepository {
        self
    }

    fn analytics(&mut self) -> &mut dyn AnalyticsRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn Outbox {
        self
    }

    fn inbox(&mut self) -> &mut dyn Inbox {
        self
    }

    fn dead_letters(&mut self) -> &mut dyn DeadLetterRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(unavailable)?;
        if self.has_recorded {
            self.signals.tell();
        }
        Ok(())
    }
}
