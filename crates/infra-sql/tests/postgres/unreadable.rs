//! Rows that this release can't read.

use domain::event::outbox::OutboxReader;
use domain::{Store, StoreError};
use infra_sql::PostgresStore;
use sqlx::PgPool;
use testkit::builders::{NOW, any_event, at, curator, event_about, password_hash};
use testkit::postgres::TestDatabase;

use super::fresh_postgres;

/// Somebody who changes the database behind the adapter's back.
pub(super) async fn connect(database: &TestDatabase) -> PgPool {
    PgPool::connect(&database.url()).await.unwrap()
}

async fn record(store: &PostgresStore, count: usize) -> Vec<domain::EventEnvelope> {
    let events: Vec<_> = std::iter::repeat_with(any_event).take(count).collect();
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&events).await.unwrap();
    unit.commit().await.unwrap();
    events
}

#[tokio::test]
async fn an_event_is_parked_with_the_reason_and_holds_up_no_other() {
    let (store, database) = fresh_postgres().await;
    let events = record(&store, 3).await;
    let other = connect(&database).await;
    sqlx::query("UPDATE outbox SET envelope = '{}' WHERE seq <= 2")
        .execute(&other)
        .await
        .unwrap();

    // The limit is smaller than the number of events that can't be read.
    let claim = store.claim(NOW, 1).await.unwrap();
    assert_eq!(claim.events().len(), 1);
    assert_eq!(claim.events()[0].envelope, events[2]);
    claim.release().await;

    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.pending, backlog.parked), (1, 2));
    let reason: String = sqlx::query_scalar("SELECT parked_reason FROM outbox WHERE seq = 1")
        .fetch_one(&other)
        .await
        .unwrap();
    assert!(reason.starts_with("malformed event envelope"), "{reason}");
}

#[tokio::test]
async fn an_event_of_a_newer_release_waits_for_it_and_those_of_its_subject_behind_it() {
    let (store, database) = fresh_postgres().await;
    let ada = domain::curators::CuratorId::generate(NOW);
    let events = [event_about(ada), event_about(ada), any_event()];
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&events).await.unwrap();
    unit.commit().await.unwrap();
    sqlx::query(
        "UPDATE outbox SET envelope = replace(envelope, $1, 'CardTeleported') WHERE seq = 1",
    )
    .bind(events[0].kind().as_str())
    .execute(&connect(&database).await)
    .await
    .unwrap();
    let pending = store.pending(NOW, 10).await.unwrap();
    let ids: Vec<_> = pending.iter().map(|pending| pending.envelope.id).collect();
    assert_eq!(ids, [events[2].id]);
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.pending, backlog.parked), (3, 0));
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
}

#[tokio::test]
async fn a_reason_that_postgres_could_not_store_is_kept_all_the_same() {
    let (store, database) = fresh_postgres().await;
    let events = record(&store, 1).await;
    store
        .defer(events[0].id, "found `\0` there", at(1))
        .await
        .unwrap();
    let reason: String = sqlx::query_scalar("SELECT last_refusal FROM outbox")
        .fetch_one(&connect(&database).await)
        .await
        .unwrap();
    assert_eq!(reason, "found `\u{fffd}` there");
}

#[tokio::test]
async fn a_row_is_corrupt_and_the_store_available() {
    let (store, database) = fresh_postgres().await;
    let ada = curator();
    let mut unit = store.begin().await.unwrap();
    unit.curators().add(&ada, &password_hash()).await.unwrap();
    unit.commit().await.unwrap();
    sqlx::query("UPDATE curators SET display_name = ''")
        .execute(&connect(&database).await)
        .await
        .unwrap();
    let error = store.curators().by_id(ada.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "storage holds an unreadable display name"
    );
}
