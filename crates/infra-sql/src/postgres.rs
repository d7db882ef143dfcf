//! Storage in a Postgres database, shared by processes on any number of machines.
//!
//! Transactions run as "read committed", side by side. Where two must not decide from the same
//! look, the statement locks what it looks at, or a constraint decides; each says so.

mod analytics;
mod archive;
mod cards;
mod curators;
mod dead_letters;
mod feeds;
mod generations;
mod inbox;
mod locks;
mod notifications;
mod opening;
mod outbox;
mod retention;
mod schema;
mod signals;
mod text;
mod unit_of_work;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::CardReader;
use domain::curators::CuratorReader;
use domain::event::dead_letter::DeadLetterReader;
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Store, StoreError, UnitOfWork};
use sqlx::PgPool;
use tracing::debug;

use self::signals::Signals;
use crate::DatabaseUrl;
use crate::failure::unavailable;

/// Everything that is stored, in Postgres. Clones share their connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    url: DatabaseUrl,
    pool: PgPool,
    signals: Arc<Signals>,
}

/// How long connections may take to be closed.
const CLOSING: Duration = Duration::from_secs(1);

impl PostgresStore {
    /// Closes all connections. One on which a statement still waits for its answer is given up after
    /// a second: whoever asked is gone, and the server rolls back when it finds that out.
    pub async fn close(&self) {
        self.signals.stop().await;
        if tokio::time::timeout(CLOSING, self.pool.close())
            .await
            .is_err()
        {
            debug!("A connection to Postgres is given up that owes an answer");
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
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
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }
}
