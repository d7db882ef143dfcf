//! The Postgres adapter: the contract of the storage ports, and what is its own.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

mod contract;
mod opening;
mod sharing;
mod tls;
mod unreadable;

use std::num::NonZeroU32;

use infra_sql::{DatabaseUrl, PostgresStore};
use testkit::postgres::TestDatabase;

const CONNECTIONS: NonZeroU32 = NonZeroU32::new(8).unwrap();

/// An empty database with its schema.
async fn fresh_postgres() -> (PostgresStore, TestDatabase) {
    let database = TestDatabase::create().await;
    let store = open(&database).await;
    store.migrate().await.unwrap();
    (store, database)
}

/// What another process does.
async fn open(database: &TestDatabase) -> PostgresStore {
    PostgresStore::open(&url(database), CONNECTIONS)
        .await
        .unwrap()
}

fn url(database: &TestDatabase) -> DatabaseUrl {
    database.url().parse().unwrap()
}
