//! Several processes on one database, and a server that goes away.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::curators::FollowerChunk;
use domain::event::outbox::OutboxReader;
use domain::{PageRequest, Store, StoreError};
use infra_sql::PostgresStore;
use testkit::builders::{NOW, any_event, card_with_note, curator, follow, password_hash};
use testkit::postgres::PrivatePostgres;

use super::{CONNECTIONS, fresh_postgres, open};

async fn record_one(store: &PostgresStore) {
    let mut unit = store.begin().await.unwrap();
    unit.outbox().record(&[any_event()]).await.unwrap();
    unit.commit().await.unwrap();
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it should have happened by now")
}

/// Lets a relay start to listen, which wakes it once.
async fn listening(store: &PostgresStore) {
    in_time(store.recorded()).await;
}

#[tokio::test]
async fn a_commit_wakes_the_relays_of_other_processes() {
    let (web, database) = fresh_postgres().await;
    let relay = open(&database).await;
    listening(&relay).await;
    for _ in 0..3 {
        record_one(&web).await;
        in_time(relay.recorded()).await;
    }
}

#[tokio::test]
async fn a_relay_that_was_cut_off_listens_again() {
    let (web, database) = fresh_postgres().await;
    let relay = open(&database).await;
    listening(&relay).await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .execute(&super::unreadable::connect(&database).await)
    .await
    .unwrap();
    // It looks once for what it may have missed, and hears of what comes after.
    in_time(relay.recorded()).await;
    record_one(&web).await;
    in_time(relay.recorded()).await;
}

#[tokio::test]
async fn a_claim_passes_over_what_other_relays_are_at_to_what_lies_behind() {
    let (first, database) = fresh_postgres().await;
    let second = open(&database).await;
    for _ in 0..5 {
        record_one(&first).await;
    }
    let held = first.claim(NOW, 2).await.unwrap();
    let other = second.claim(NOW, 2).await.unwrap();
    let rest = second.claim(NOW, 2).await.unwrap();
    let mut claimed = Vec::new();
    for claim in [&held, &other, &rest] {
        claimed.extend(claim.events().iter().map(|pending| pending.envelope.id));
    }
    let expected: Vec<_> = first.pending(NOW, 10).await.unwrap();
    let expected: Vec<_> = expected.iter().map(|pending| pending.envelope.id).collect();
    assert_eq!(claimed, expected);
}

#[tokio::test]
async fn a_claim_ends_with_the_process_that_holds_it() {
    let (first, database) = fresh_postgres().await;
    let second = open(&database).await;
    record_one(&first).await;
    let held = first.claim(NOW, 10).await.unwrap();
    assert!(second.claim(NOW, 10).await.unwrap().events().is_empty());
    // What becomes of a process's connections when it dies.
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .execute(&super::unreadable::connect(&database).await)
    .await
    .unwrap();
    in_time(async {
        while second.claim(NOW, 10).await.unwrap().events().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(held);
}

/// An unfollow that is handled while a card is still being fanned out takes that card back too.
#[tokio::test]
async fn what_is_fanned_out_meanwhile_is_taken_back() {
    let (store, _database) = fresh_postgres().await;
    let (ada, bob) = (curator(), curator());
    let card = card_with_note(&ada, "look");
    let mut unit = store.begin().await.unwrap();
    for somebody in [&ada, &bob] {
        unit.curators()
            .add(somebody, &password_hash())
            .await
            .unwrap();
    }
    unit.curators().follow(&follow(&bob, &ada)).await.unwrap();
    unit.cards().add(&card).await.unwrap();
    unit.commit().await.unwrap();

    let mut fan_out = store.begin().await.unwrap();
    let everybody = FollowerChunk {
        after: None,
        limit: NonZeroU32::MAX,
    };
    let fanned_out = fan_out.feeds().fan_out(&(&card).into(), everybody).await;
    assert_eq!(fanned_out.unwrap().added, 1);
    let mut unit = store.begin().await.unwrap();
    assert!(unit.curators().unfollow(bob.id, ada.id).await.unwrap());
    unit.commit().await.unwrap();

    let take_back = async {
        let mut unit = store.begin().await.unwrap();
        let taken = unit.feeds().retract_author(bob.id, ada.id).await.unwrap();
        unit.commit().await.unwrap();
        taken
    };
    let finish = async {
        tokio::task::yield_now().await;
        store.ping().await.unwrap();
        fan_out.commit().await.unwrap();
    };
    let (taken, ()) = in_time(async { tokio::join!(take_back, finish) }).await;
    assert_eq!(taken, 1);
    let feed = store
        .feeds()
        .home(bob.id, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(feed.rows, []);
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again_and_has_every_commit() {
    let mut server = PrivatePostgres::start().await.unwrap();
    let store = PostgresStore::open(&server.url().parse().unwrap(), CONNECTIONS)
        .await
        .unwrap();
    store.migrate().await.unwrap();
    listening(&store).await;
    record_one(&store).await;

    let mut open = store.begin().await.unwrap();
    open.outbox().record(&[any_event()]).await.unwrap();
    server.kill().await.unwrap();
    let error = open.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.ping().await.is_err());

    server.restart().await.unwrap();
    in_time(async {
        while store.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(store.pending(NOW, 10).await.unwrap().len(), 1);
    record_one(&store).await;
    in_time(store.recorded()).await;
    assert_eq!(store.pending(NOW, 10).await.unwrap().len(), 2);
}
