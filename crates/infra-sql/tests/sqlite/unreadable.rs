//! Rows that this release can't read.

use domain::event::outbox::OutboxReader;
use domain::{Store, StoreError};
use infra_sql::SqliteStore;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use testkit::builders::{NOW, any_event, at, curator, event_about, password_hash};

use super::fresh_sqlite;

/// Somebody who changes the file behind the adapter's back.
pub(super) async fn connect(directory: &TempDir) -> SqlitePool {
    let path = directory.path().join("bellwether.db");
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path))
        .await
        .unwrap()
}

async fn record(store: &SqliteStore, count: usize) -> Vec<domain::EventEnvelope> {
    let events: Vec<_> = std::iter::repeat_with(any_event).take(count).collect();
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&events).await.unwrap();
    unit.commit().await.unwrap();
    events
}

#[tokio::test]
async fn an_event_is_parked_with_the_reason_and_holds_up_no_other() {
    let (store, directory) = fresh_sqlite().await;
    let events = record(&store, 3).await;
    let other = connect(&directory).await;
    sqlx::query("UPDATE outbox SET envelope = '{}' WHERE seq <= 2")
        .execute(&other)
        .await
        .unwrap();

    // The limit is smaller than the number of events that can't be read.
    let pending = store.pending(NOW, 1).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].envelope, events[2]);

    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.pending, backlog.parked), (1, 2));
    let reason: String = sqlx::query_scalar("SELECT parked_reason FROM outbox WHERE seq = 1")
        .fetch_one(&other)
        .await
        .unwrap();
    assert!(reason.starts_with("malformed event envelope"), "{reason}");
}

#[tokio::test]
async fn an_event_of_a_newer_release_waits_for_it_instead_of_being_parked() {
    let (store, directory) = fresh_sqlite().await;
    let events = record(&store, 3).await;
    let other = connect(&directory).await;
    let newer = ["$.dataversion', 99", "$.type', 'CardTeleported'"];
    for (seq, change) in newer.iter().enumerate() {
        let statement = format!(
            "UPDATE outbox SET envelope = json_set(envelope, '{change}) WHERE seq = {}",
            seq + 1
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&other)
            .await
            .unwrap();
    }
    let pending = store.pending(NOW, 10).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].envelope, events[2]);
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.pending, backlog.parked), (3, 0));
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
}

#[tokio::test]
async fn an_event_of_a_newer_release_waits_for_it_and_those_of_its_subject_behind_it() {
    let (store, directory) = fresh_sqlite().await;
    let ada = domain::curators::CuratorId::generate(NOW);
    let events = [event_about(ada), event_about(ada), any_event()];
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&events).await.unwrap();
    unit.commit().await.unwrap();
    sqlx::query(
        "UPDATE outbox SET envelope = replace(envelope, ?1, 'CardTeleported') WHERE seq = 1",
    )
    .bind(events[0].kind().as_str())
    .execute(&connect(&directory).await)
    .await
    .unwrap();
    let claim = store.claim(NOW, 10).await.unwrap();
    let claimed = claim.events().iter();
    let ids: Vec<_> = claimed.map(|pending| pending.envelope.id).collect();
    assert_eq!(ids, [events[2].id]);
    claim.release().await;
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.pending, backlog.parked), (3, 0));
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_kept_for_the_operator() {
    let (store, directory) = fresh_sqlite().await;
    let events = record(&store, 1).await;
    store
        .defer(events[0].id, "the queue is full", at(1))
        .await
        .unwrap();
    let reason: String = sqlx::query_scalar("SELECT last_refusal FROM outbox")
        .fetch_one(&connect(&directory).await)
        .await
        .unwrap();
    assert_eq!(reason, "the queue is full");
}

#[tokio::test]
async fn a_row_is_corrupt_and_the_store_available() {
    let (store, directory) = fresh_sqlite().await;
    let ada = curator();
    let mut unit = store.begin().await.unwrap();
    unit.curators().add(&ada, &password_hash()).await.unwrap();
    unit.commit().await.unwrap();
    let other = connect(&directory).await;

    sqlx::query("UPDATE curators SET display_name = ''")
        .execute(&other)
        .await
        .unwrap();
    let error = store.curators().by_id(ada.id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "storage holds an unreadable display name"
    );

    sqlx::query("UPDATE curators SET id = x'00'")
        .execute(&other)
        .await
        .unwrap();
    let error = store.curators().by_handle(&ada.handle).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Corrupt {
                what: "curator",
                ..
            }
        ),
        "{error:?}"
    );
}
