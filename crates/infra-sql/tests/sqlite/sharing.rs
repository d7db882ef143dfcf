//! Several processes on one file.

use domain::event::outbox::OutboxReader;
use domain::{EventKind, Store};
use infra_sql::SqliteStore;
use testkit::builders::{NOW, any_event};

use super::{fresh_sqlite, open};

const UNITS: u64 = 50;

async fn work(store: SqliteStore) {
    for _ in 0..UNITS {
        let mut unit = store.begin().await.unwrap();
        unit.analytics()
            .count(EventKind::CardAddedToLibrary, NOW)
            .await
            .unwrap();
        unit.outbox().record(&[any_event()]).await.unwrap();
        unit.commit().await.unwrap();
    }
}

/// A process of its own for the locks: SQLite locks by connection, not by process.
fn spawn(store: SqliteStore) -> std::thread::JoinHandle<()> {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work(store));
    })
}

#[tokio::test]
async fn writers_of_several_processes_lose_nothing() {
    let (first, directory) = fresh_sqlite().await;
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(spawn(open(&directory).await));
    }
    tokio::task::spawn_blocking(|| {
        for process in processes {
            process.join().unwrap();
        }
    })
    .await
    .unwrap();
    let counts = first.analytics().daily().await.unwrap();
    assert_eq!(counts[0].count, 4 * UNITS);
    assert_eq!(first.backlog().await.unwrap().pending, 4 * UNITS);
}

#[tokio::test]
async fn what_one_process_commits_another_sees() {
    let (web, directory) = fresh_sqlite().await;
    let worker = open(&directory).await;
    let event = any_event();
    let mut unit = web.begin().await.unwrap();
    unit.outbox()
        .record(std::slice::from_ref(&event))
        .await
        .unwrap();
    unit.commit().await.unwrap();
    assert_eq!(worker.pending(NOW, 10).await.unwrap()[0].envelope, event);
}

#[tokio::test]
async fn a_writer_waits_for_another_process_and_its_readers_do_not() {
    let (web, directory) = fresh_sqlite().await;
    let worker = open(&directory).await;
    let unit = web.begin().await.unwrap();

    let mut waiting = worker.begin();
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("two units of work at once"),
        () = async {
            worker.ping().await.unwrap();
            worker.backlog().await.unwrap();
        } => {}
    }
    unit.commit().await.unwrap();
    waiting.await.unwrap();
}
