//! Bringing the schema up to date, and telling whether it is.

use domain::StoreError;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use super::PostgresStore;
use super::locks::Lock;
use crate::failure::unavailable;
use crate::schema::{MigrationError, SchemaError, SchemaStatus};

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    // A newer release may have been here; what it added doesn't disturb this one.
    migrator.set_ignore_missing(true);
    // Its lock ends before our transaction does.
    migrator.set_locking(false);
    migrator
}

impl PostgresStore {
    /// Applies the migrations that are missing: all of them or none.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        self.apply_migrations()
            .await
            .map_err(|error| MigrationError {
                url: self.url.clone(),
                reason: error.to_string(),
            })
    }

    async fn apply_migrations(&self) -> Result<(), sqlx::migrate::MigrateError> {
        // One transaction around everything. A process that starts at the same time waits for it,
        // and then finds nothing left to do.
        let mut tx = self.pool.begin().await?;
        // What takes long is no reason to give up, what waits for others is.
        sqlx::query("SET LOCAL statement_timeout = 0")
            .execute(&mut *tx)
            .await?;
        Lock::Migrations.take(&mut tx, Uuid::nil()).await?;
        migrator().run(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Which version the schema is at, and which one this release needs.
    pub async fn schema_status(&self) -> Result<SchemaStatus, StoreError> {
        let version = self.schema_version().await.map_err(unavailable)?;
        Ok(SchemaStatus::beside(&migrator(), version))
    }

    /// Fails with a sentence unless the schema is one that this release can work with.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        self.schema_status().await?.check(&self.url)
    }

    async fn schema_version(&self) -> sqlx::Result<i64> {
        let was_migrated: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                .fetch_one(&self.pool)
                .await?;
        if !was_migrated {
            return Ok(0);
        }
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&self.pool)
            .await
    }
}
