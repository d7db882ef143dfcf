//! A unit of work is one writing transaction.

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
use sqlx::query::Query;
use sqlx::{Database, Sqlite, SqliteConnection, Transaction};
use tokio::sync::Notify;

use super::SqliteStore;
use super::turn::Turn;
use crate::failure::unavailable;

type Statement<'q> = Query<'q, Sqlite, <Sqlite as Database>::Arguments>;

/// Each repository is this struct seen from another side; dropping it rolls back.
pub(super) struct SqliteUnitOfWork {
    tx: Transaction<'static, Sqlite>,
    recorded: Arc<Notify>,
    has_recorded: bool,
    /// Dropped after the transaction.
    _turn: Turn,
}

impl SqliteStore {
    pub(super) async fn unit_of_work(&self) -> Result<SqliteUnitOfWork, StoreError> {
        let turn = self
            .turns
            .next()
            .await
            .map_err(|error| unavailable(error.into()))?;
        // IMMEDIATE takes the write lock now. A transaction that starts by reading and wants the
        // lock later fails at once when another process has written since, however long the
        // busy time-out.
        let tx = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)?;
        Ok(SqliteUnitOfWork {
            tx,
            recorded: Arc::clone(&self.recorded),
            has_recorded: false,
            _turn: turn,
        })
    }

    /// Runs one statement that stands for itself; how many rows it changed.
    pub(super) async fn write(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut unit = self.unit_of_work().await?;
        let done = statement
            .execute(unit.connection())
            .await
            .map_err(unavailable)?;
        unit.tx.commit().await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

impl SqliteUnitOfWork {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }

    /// Makes the commit wake the relay.
    pub(super) fn has_recorded(&mut self) {
        self.has_recorded = true;
    }
}

#[async_trait]
impl UnitOfWork for SqliteUnitOfWork {
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
            self.recorded.notify_one();
        }
        Ok(())
    }
}
