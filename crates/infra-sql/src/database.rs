//! The database that a URL names, whichever kind it is.

use std::num::NonZeroU32;
use std::sync::Arc;

use domain::event::archive::EventArchive;
use domain::event::generation::Generations;
use domain::event::outbox::OutboxReader;
use domain::event::retention::Retention;
use domain::{Store, StoreError};

use crate::{DatabaseUrl, MigrationError, PostgresStore, SchemaError, SchemaStatus, SqliteStore};

/// An open database. Clones share its connections.
#[derive(Debug, Clone)]
pub enum Database {
    /// An SQLite file.
    Sqlite(SqliteStore),
    /// A Postgres database.
    Postgres(PostgresStore),
}

/// The database can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the database {url} can't be opened: {reason}")]
pub struct OpenError {
    pub(crate) url: String,
    pub(crate) reason: String,
}

impl Database {
    /// Opens a database; a file that is not there is made. The schema is left as it is.
    ///
    /// `connections` is the most that are made to a server. A file needs no limit.
    pub async fn open(url: &DatabaseUrl, connections: NonZeroU32) -> Result<Self, OpenError> {
        Ok(match url {
            DatabaseUrl::Sqlite(_) => Self::Sqlite(SqliteStore::open(url).await?),
            DatabaseUrl::Postgres(_) => {
                Self::Postgres(PostgresStore::open(url, connections).await?)
            }
        })
    }

    /// What is stored, and units of work.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The relay's side of the outbox.
    pub fn outbox(&self) -> Arc<dyn OutboxReader> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// In which generation of the queues' data events were published.
    pub fn generations(&self) -> Arc<dyn Generations> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// Published events, to be replayed.
    pub fn archive(&self) -> Arc<dyn EventArchive> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// What forgets.
    pub fn retention(&self) -> Arc<dyn Retention> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// Applies the migrations that are missing: all of them or none.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        match self {
            Self::Sqlite(store) => store.migrate().await,
            Self::Postgres(store) => store.migrate().await,
        }
    }

    /// Which version the schema is at, and which one this release needs.
    pub async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        match self {
            Self::Sqlite(store) => store.schema_status().await,
            Self::Postgres(store) => store.schema_status().await,
        }
    }

    /// Fails with a sentence unless the schema is one that this release can work with.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        match self {
            Self::Sqlite(store) => store.check_schema().await,
            Self::Postgres(store) => store.check_schema().await,
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
