//! Connecting and migrating: a sentence where it can't be done.

use domain::Store;
use infra_sql::{DatabaseUrl, PostgresStore, SchemaStatus};
use testkit::port::free_port;
use testkit::postgres::TestDatabase;

use super::unreadable::connect;
use super::{CONNECTIONS, fresh_postgres, open, url};

async fn refusal(url: &str) -> String {
    let url: DatabaseUrl = url.parse().unwrap();
    PostgresStore::open(&url, CONNECTIONS)
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let port = free_port().unwrap();
    let sentence = refusal(&format!(
        "postgres://ada:secret@127.0.0.1:{port}/bellwether"
    ))
    .await;
    let start = format!("the database postgres://127.0.0.1:{port}/bellwether can't be opened: ");
    assert!(sentence.starts_with(&start), "{sentence}");
    assert!(sentence.contains("refused"), "{sentence}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let database = TestDatabase::create().await;
    let sentence = refusal(&format!("{}x", database.url())).await;
    assert!(sentence.ends_with("does not exist"), "{sentence}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_by_whoever_insists_on_it() {
    let database = TestDatabase::create().await;
    let sentence = refusal(&format!("{}?sslmode=require", database.url())).await;
    assert!(sentence.to_lowercase().contains("tls"), "{sentence}");
}

#[tokio::test]
async fn an_empty_database_must_be_migrated_first() {
    let database = TestDatabase::create().await;
    let store = open(&database).await;
    let needed = store.schema_status().await.unwrap().needed;
    assert_eq!(
        store.schema_status().await.unwrap(),
        SchemaStatus { version: 0, needed }
    );
    assert_eq!(
        store.check_schema().await.unwrap_err().to_string(),
        format!(
            "{} must be migrated first: its schema is at version 0, this release needs {needed}",
            url(&database)
        )
    );
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(store.schema_status().await.unwrap().version, needed);
}

#[tokio::test]
async fn a_schema_of_a_newer_release_will_do() {
    let (store, database) = fresh_postgres().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, '\\x00', 0)",
    )
    .execute(&connect(&database).await)
    .await
    .unwrap();
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_all_find_a_schema() {
    let database = TestDatabase::create().await;
    let start = async || {
        let store = open(&database).await;
        store.migrate().await.unwrap();
        store.check_schema().await.unwrap();
    };
    let four = async || tokio::join!(start(), start(), start(), start());
    tokio::join!(four(), four());
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let (store, _database) = fresh_postgres().await;
    store.close().await;
    store.ping().await.unwrap_err();
    assert!(store.begin().await.is_err());
}
