//! Which version a database's schema is at, and which one this release needs.

use std::fmt;

use domain::StoreError;
use sqlx::migrate::Migrator;

use crate::DatabaseUrl;

/// The version of a schema, beside the one that this release needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The version of the newest migration that was applied; 0 in an empty database.
    pub version: i64,
    /// The version of the newest migration that this release knows.
    pub needed: i64,
}

/// The schema can't be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Migrations of this release are missing.
    #[error("{url} must be migrated first: its {status}")]
    Outdated {
        /// The database.
        url: DatabaseUrl,
        /// What was found.
        status: SchemaStatus,
    },
    /// The version can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Migrations were not applied; the schema is as it was.
#[derive(Debug, thiserror::Error)]
#[error("the schema of {url} can't be brought up to date: {reason}")]
pub struct MigrationError {
    pub(crate) url: DatabaseUrl,
    pub(crate) reason: String,
}

impl SchemaStatus {
    /// A version, beside the newest of these migrations.
    pub(crate) fn beside(migrator: &Migrator, version: i64) -> Self {
        let versions = migrator.iter().map(|migration| migration.version);
        let needed = versions.max().unwrap_or(0);
        Self { version, needed }
    }

    /// Fails with a sentence unless this release can work with the schema.
    pub(crate) fn check(self, url: &DatabaseUrl) -> Result<(), SchemaError> {
        if self.is_ready() {
            return Ok(());
        }
        Err(SchemaError::Outdated {
            url: url.clone(),
            status: self,
        })
    }

    /// Whether this release can work with the schema. A newer one will do: migrations are made so
    /// that the release before them keeps working.
    pub fn is_ready(self) -> bool {
        self.version >= self.needed
    }
}

impl fmt::Display for SchemaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, needed } = self;
        write!(
            f,
            "schema is at version {version}, this release needs {needed}"
        )
    }
}
