//! The SQLite adapter: the contract of the storage ports, and what is its own.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod contract;
mod crash;
mod opening;
mod sharing;
mod unreadable;

use infra_sql::{DatabaseUrl, SqliteStore};
use tempfile::TempDir;

/// An empty database with its schema, and the directory it lives in.
async fn fresh_sqlite() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    store.migrate().await.unwrap();
    (store, directory)
}

/// What another process does.
async fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(&url(directory)).await.unwrap()
}

fn url(directory: &TempDir) -> DatabaseUrl {
    format!("sqlite://{}/bellwether.db", directory.path().display())
        .parse()
        .unwrap()
}
