//! Storage in one SQLite file, shared by every process on the machine.
//!
//! One connection writes and a few read. With the write-ahead log readers never wait, and see what
//! was committed when their statement started.

mod analytics;
mod archive;
mod cards;
mod curators;
mod dead_letters;
mod feeds;
mod generations;
mod inbox;
mod notifications;
mod opening;
mod outbox;
mod retention;
mod schema;
mod turn;
mod unit_of_work;

use std::sync::Arc;

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::CardReader;
use domain::curators::CuratorReader;
use domain::event::dead_letter::DeadLetterReader;
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Store, StoreError, UnitOfWork};
use sqlx::SqlitePool;
use tokio::sync::Notify;

use self::turn::Turns;
use crate::DatabaseUrl;
use crate::failure::unavailable;

/// Everything that is stored, in an SQLite file. Clones share their connections.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    url: DatabaseUrl,
    writer: SqlitePool,
    readers: SqlitePool,
    turns: Turns,
    /// Where relays take turns: one at a time publishes.
    relays: Turns,
    /// Wakes the relay of this process when a commit has recorded events.
    recorded: Arc<Notify>,
}

impl SqliteStore {
    /// Closes all connections; the last process to do so folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(self.unit_of_work().await?))
    }

    fn curators(&self) -> &dyn CuratorReader {
        self
    }

    fn cards(&self) -> &dyn CardReader {
        self
    }

    fn feeds(&self) -> &dyn FeedReader {
        self
    }

    fn notifications(&self) -> &dyn NotificationReader {
        self
    }

    fn analytics(&self) -> &dyn AnalyticsReader {
        self
    }

    fn dead_letters(&self) -> &dyn DeadLetterReader {
        self
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Unlike `SELECT 1`, this reads the file.
        sqlx::query("PRAGMA schema_version")
            .execute(&self.readers)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
