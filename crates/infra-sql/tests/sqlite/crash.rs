//! A process that dies at a bad moment.

use std::fs;
use std::path::Path;

use domain::event::outbox::OutboxReader;
use domain::{PageRequest, Store};
use tempfile::TempDir;
use testkit::builders::{NOW, any_event, card_with_note, curator, password_hash};

use super::{fresh_sqlite, open};

/// The files as a process that is killed now leaves them behind.
fn left_behind(directory: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["bellwether.db", "bellwether.db-wal"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[tokio::test]
async fn a_commit_survives_and_an_open_unit_of_work_does_not() {
    let (store, directory) = fresh_sqlite().await;
    let (ada, event) = (curator(), any_event());
    let mut unit = store.begin().await.unwrap();
    unit.curators().add(&ada, &password_hash()).await.unwrap();
    unit.outbox()
        .record(std::slice::from_ref(&event))
        .await
        .unwrap();
    unit.commit().await.unwrap();

    // Enough to be written to the log before the commit that never comes.
    let log = directory.path().join("bellwether.db-wal");
    let before = size(&log);
    let mut unit = store.begin().await.unwrap();
    let mut cards = 0;
    while size(&log) < before + 1_000_000 {
        let card = card_with_note(&ada, &"lost ".repeat(2000));
        unit.cards().add(&card).await.unwrap();
        unit.outbox().record(&[any_event()]).await.unwrap();
        cards += 1;
        assert!(cards < 10_000, "SQLite keeps everything in memory");
    }
    let copy = left_behind(&directory);
    drop(unit);

    let survivor = open(&copy).await;
    assert_eq!(
        survivor.curators().by_id(ada.id).await.unwrap(),
        Some(ada.clone())
    );
    let pending = survivor.pending(NOW, 10).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].envelope, event);
    let library = survivor
        .cards()
        .library(ada.id, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(library.rows, []);
    // And it can go on.
    let mut unit = survivor.begin().await.unwrap();
    unit.cards()
        .add(&card_with_note(&ada, "found"))
        .await
        .unwrap();
    unit.commit().await.unwrap();
}
