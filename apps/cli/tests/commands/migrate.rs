//! `bellwether migrate`, as a person or a deployment runs it.

use crate::program::{Ran, bellwether};

fn database() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}",
        directory.path().join("bellwether.db").display()
    );
    (directory, url)
}

#[track_caller]
fn migrated(url: &str) -> serde_json::Value {
    let ran = bellwether(&["migrate", "--database-url", url, "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn the_second_run_finds_nothing_to_do() {
    let (_directory, url) = database();
    let first = migrated(&url);
    assert_eq!(first["database"], url.as_str());
    assert_eq!(first["from"], 0);
    assert!(first["to"].as_i64().unwrap() > 0, "{first}");
    let second = migrated(&url);
    assert_eq!(second["from"], first["to"]);
    assert_eq!(second["to"], first["to"]);
}

#[test]
fn a_person_reads_one_line() {
    let (_directory, url) = database();
    let first = bellwether(&["migrate", "--database-url", &url]);
    let version = first
        .stdout
        .trim_end()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let expected = format!("Migrated the schema of {url} from version 0 to {version}\n");
    assert_eq!((first.stdout, first.stderr), (expected, String::new()));
    let second = bellwether(&["migrate", "--database-url", &url]);
    let expected = format!("The schema of {url} is at version {version} already\n");
    assert_eq!((second.stdout, second.stderr), (expected, String::new()));
}

#[test]
fn copies_may_run_at_the_same_time() {
    let (_directory, url) = database();
    let versions: Vec<_> = std::thread::scope(|scope| {
        let copies: Vec<_> = (0..4).map(|_| scope.spawn(|| migrated(&url))).collect();
        copies
            .into_iter()
            .map(|copy| copy.join().unwrap()["to"].clone())
            .collect()
    });
    assert!(
        versions.iter().all(|version| *version == versions[0]),
        "{versions:?}"
    );
}

#[test]
fn a_database_that_can_not_be_opened_is_one_sentence() {
    let Ran {
        code,
        stdout,
        stderr,
    } = bellwether(&[
        "migrate",
        "--database-url",
        "sqlite:///nowhere/bellwether.db",
    ]);
    assert_eq!(code, Some(1));
    assert_eq!(stdout, "");
    assert_eq!(
        stderr,
        "error: DATABASE_URL: the database sqlite:///nowhere/bellwether.db can't be opened: \
         the directory /nowhere does not exist\n"
    );
}

#[tokio::test]
async fn postgres_is_migrated_in_the_same_way_and_its_password_is_not_printed() {
    let database = testkit::postgres::TestDatabase::create().await;
    let url = database.url().replacen('@', ":secret@", 1);
    let first = bellwether(&["migrate", "--database-url", &url]);
    let (_, place) = url.split_once('@').unwrap();
    let start = format!("Migrated the schema of postgres://{place} from version 0 to ");
    assert!(first.stdout.starts_with(&start), "{first:?}");
    let second = migrated(&url);
    assert_eq!(second["from"], second["to"]);
    assert_eq!(second["database"], format!("postgres://{place}"));
}
