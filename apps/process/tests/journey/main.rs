//! The whole system as real processes: an event from the request to its last effect, and what
//! becomes of it when something breaks on the way.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod arriving;
mod bad_input;
mod dead_letters;
mod dying;
mod hanging;
mod losses;
mod postgres;
mod starting_and_stopping;
mod stuck;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Store;
use infra_redis::engine::{
    Connection, ConnectionSettings, Job, JobCounts, JobOptions, Queue, QueueId, Reply,
};
use infra_sql::SqliteStore;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{QUEUES, System, WORKERS, WorkerProgram, database_url, text};
use testkit::port::free_port;
use testkit::program::{Program, eventually};
use testkit::proxy::Proxy;
use testkit::valkey::{PrivateValkey, shared_url};

async fn queue(system: &System, name: &str) -> Queue<Value> {
    let settings = ConnectionSettings::parse(&system.valkey_url).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    Queue::new(connection, QueueId::parse(&system.prefix, name).unwrap())
}

/// Holds the database's write lock, so that a worker that begins a transaction waits.
async fn hold_the_database(system: &System) -> Box<dyn domain::UnitOfWork> {
    let url = system.database_url.parse().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url).await.unwrap());
    store.begin().await.unwrap()
}

async fn until(system: &System, name: &str, is_so: impl Fn(JobCounts) -> bool) {
    let queue = queue(system, name).await;
    eventually(name, || async {
        is_so(queue.counts().await.ok()?).then_some(())
    })
    .await;
}
