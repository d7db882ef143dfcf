//! Opening and migrating: a sentence where it can't be done.

use domain::Store;
use infra_sql::{DatabaseUrl, SchemaStatus, SqliteStore};
use testkit::builders::{curator, password_hash};

use super::{fresh_sqlite, open, url};

async fn refusal(url: &str) -> String {
    let url: DatabaseUrl = url.parse().unwrap();
    SqliteStore::open(&url)
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    assert_eq!(
        refusal("sqlite:///nowhere/at/all/bellwether.db").await,
        "the database sqlite:///nowhere/at/all/bellwether.db can't be opened: \
         the directory /nowhere/at/all does not exist"
    );
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    // Nobody can make a file there, not even root.
    let sentence = refusal("sqlite:///dev/null/bellwether.db").await;
    let start = "the database sqlite:///dev/null/bellwether.db can't be opened: ";
    assert!(
        sentence.starts_with(start) && sentence.len() > start.len(),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().display());
    let expected = format!("the database {url} can't be opened: it is a directory");
    assert_eq!(refusal(&url).await, expected);
}

#[tokio::test]
async fn a_file_of_another_kind_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bellwether.db");
    std::fs::write(&path, "Dear diary, ".repeat(100)).unwrap();
    assert_eq!(
        refusal(&format!("sqlite://{}", path.display())).await,
        format!(
            "the database sqlite://{} can't be opened: file is not a database",
            path.display()
        )
    );
}

#[tokio::test]
async fn a_path_is_a_path_whatever_it_looks_like() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file:a b#%20.db");
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    SqliteStore::open(&url).await.unwrap();
    assert!(path.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_a_new_database() {
    use std::os::unix::fs::PermissionsExt;

    let (_store, directory) = fresh_sqlite().await;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn an_empty_database_must_be_migrated_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    let needed = store.schema_status().await.unwrap().needed;
    assert_eq!(
        store.schema_status().await.unwrap(),
        SchemaStatus { version: 0, needed }
    );
    assert_eq!(
        store.check_schema().await.unwrap_err().to_string(),
        format!(
            "{} must be migrated first: its schema is at version 0, this release needs {needed}",
            url(&directory)
        )
    );
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!(store.schema_status().await.unwrap().version, needed);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let (store, _directory) = fresh_sqlite().await;
    let ada = curator();
    let mut unit = store.begin().await.unwrap();
    unit.curators().add(&ada, &password_hash()).await.unwrap();
    unit.commit().await.unwrap();

    store.migrate().await.unwrap();
    assert_eq!(store.curators().by_id(ada.id).await.unwrap(), Some(ada));
}

#[tokio::test]
async fn a_schema_of_a_newer_release_will_do() {
    let (store, directory) = fresh_sqlite().await;
    let newer = super::unreadable::connect(&directory).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&newer)
    .await
    .unwrap();
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
}

#[tokio::test]
async fn a_migration_that_was_changed_is_refused() {
    let (store, directory) = fresh_sqlite().await;
    let other = super::unreadable::connect(&directory).await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'")
        .execute(&other)
        .await
        .unwrap();
    let sentence = store.migrate().await.unwrap_err().to_string();
    let start = format!(
        "the schema of {} can't be brought up to date: ",
        url(&directory)
    );
    assert!(sentence.starts_with(&start), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_all_find_a_schema() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        let store = open(&directory).await;
        store.migrate().await.unwrap();
        store.check_schema().await.unwrap();
    };
    let four = async || tokio::join!(start(), start(), start(), start());
    tokio::join!(four(), four());
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let (store, directory) = fresh_sqlite().await;
    store.close().await;
    store.ping().await.unwrap_err();
    assert!(store.begin().await.is_err());
    // The file alone holds everything again.
    assert!(!directory.path().join("bellwether.db-wal").exists());
}
