//! Migrations run while processes of the release before them are at work, and must not disturb them.
//!
//! `written/` holds what a release writes, a file for each version of the schema at which that
//! changed: one row of each table, as its adapter's statements put it there. `@` stands for a digit
//! that tells one run of the statements from another.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::path::{Path, PathBuf};

use domain::curators::Handle;
use domain::{PageRequest, Store};
use infra_sql::{DatabaseUrl, PostgresStore, SqliteStore};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use testkit::postgres::TestDatabase;

const DATABASES: [&str; 2] = ["sqlite", "postgres"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The migrations that a database has, by file name, oldest first.
fn files(database: &str) -> Vec<(i64, PathBuf)> {
    let files = std::fs::read_dir(folder("migrations").join(database)).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (version(&path), path))
        .collect();
    files.sort();
    files
}

fn version(path: &Path) -> i64 {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.split(['_', '.']).next().unwrap().parse().unwrap()
}

/// The migrations of the release before the newest one.
async fn of_the_release_before(database: &str) -> (i64, Migrator) {
    let mut files = files(database);
    files.pop();
    let previous = files.last().unwrap().0;
    let directory = tempfile::tempdir().unwrap();
    for (_, path) in files {
        std::fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
    }
    (previous, Migrator::new(directory.path()).await.unwrap())
}

/// What the release with this version of the schema writes.
fn statements(database: &str, version_of_release: i64, run: u8) -> String {
    let files = std::fs::read_dir(folder("tests/migrations/written")).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.to_str()
                .unwrap()
                .ends_with(&format!(".{database}.sql"))
        })
        .filter(|path| version(path) <= version_of_release)
        .collect();
    files.sort();
    assert!(!files.is_empty(), "nothing is written to {database}");
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let text = texts.collect::<Vec<_>>().join("\n");
    text.replace('@', &run.to_string())
}

/// What the release before tells somebody is a notification of its own.
async fn they_are_told(store: &dyn Store) {
    for run in ["1", "2"] {
        let handle = Handle::parse(&format!("bob{run}")).unwrap();
        let bob = store.curators().by_handle(&handle).await.unwrap().unwrap();
        let page = store.notifications().of(bob.id, PageRequest::default());
        let [view] = page.await.unwrap().rows.try_into().unwrap();
        assert_eq!((view.count, view.others, view.read_at), (1, 0, None));
        let mut unit = store.begin().await.unwrap();
        let notifications = unit.notifications();
        let marked = notifications
            .mark_read(bob.id, &[view.id], view.since)
            .await;
        assert_eq!(marked.unwrap(), 1);
        unit.commit().await.unwrap();
        assert_eq!(store.notifications().unread(bob.id).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_release_before_can_still_write_to_sqlite_after_the_newest_migration() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bellwether.db");
    let url: DatabaseUrl = format!("sqlite://{}", file.display()).parse().unwrap();
    let store = SqliteStore::open(&url).await.unwrap();
    let before = SqlitePool::connect(&url.to_string()).await.unwrap();
    let (version, migrator) = of_the_release_before("sqlite").await;
    migrator.run(&before).await.unwrap();
    let write = async |run| {
        let statements = statements("sqlite", version, run);
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&before)
            .await
            .unwrap();
    };
    write(1).await;
    store.migrate().await.unwrap();
    write(2).await;
    let cards: i64 = sqlx::query_scalar("SELECT count(*) FROM cards")
        .fetch_one(&before)
        .await
        .unwrap();
    assert_eq!(cards, 2);
    they_are_told(&store).await;
}

#[tokio::test]
async fn the_release_before_can_still_write_to_postgres_after_the_newest_migration() {
    let database = TestDatabase::create().await;
    let url: DatabaseUrl = database.url().parse().unwrap();
    let store = PostgresStore::open(&url, 8.try_into().unwrap())
        .await
        .unwrap();
    let before = PgPool::connect(&database.url()).await.unwrap();
    let (version, migrator) = of_the_release_before("postgres").await;
    migrator.run(&before).await.unwrap();
    let write = async |run| {
        let statements = statements("postgres", version, run);
        sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&before)
            .await
            .unwrap();
    };
    write(1).await;
    store.migrate().await.unwrap();
    write(2).await;
    let cards: i64 = sqlx::query_scalar("SELECT count(*) FROM cards")
        .fetch_one(&before)
        .await
        .unwrap();
    assert_eq!(cards, 2);
    they_are_told(&store).await;
}

#[test]
fn both_databases_have_the_same_migrations() {
    let [sqlite, postgres] = DATABASES.map(|database| {
        let files = files(database).into_iter();
        let names = files.map(|(_, path)| path.file_name().unwrap().to_owned());
        names.collect::<Vec<_>>()
    });
    assert_eq!(sqlite, postgres);
}

/// What would break the release before: only a migration that says `contract` in its name may, in
/// the release after the one that stopped using what it takes away.
const TAKES_AWAY: [&str; 5] = [
    "DROP ",
    "RENAME ",
    "SET NOT NULL",
    "ALTER COLUMN",
    "ADD CONSTRAINT",
];

#[test]
fn a_migration_takes_nothing_away_unless_its_name_says_so() {
    for (_, path) in DATABASES.iter().flat_map(|database| files(database)) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let sql = std::fs::read_to_string(&path).unwrap();
        let sql: String = sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .flat_map(|line| [line, "\n"])
            .collect();
        if name.contains("_contract_") {
            continue;
        }
        for words in TAKES_AWAY {
            assert!(!sql.contains(words), "{name} says {words}");
        }
        for added in sql.split(';').filter(|text| text.contains("ADD COLUMN")) {
            let is_optional = !added.contains("NOT NULL") || added.contains("DEFAULT");
            assert!(
                is_optional,
                "{name}: the release before gives no value:{added}"
            );
        }
    }
}
