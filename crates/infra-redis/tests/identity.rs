//! What the data in Valkey is known by, against real servers.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use domain::event::generation::QueueData;
use infra_redis::engine::{Connection, ConnectionSettings};
use infra_redis::identity::ValkeyData;
use testkit::program::eventually;
use testkit::valkey::{Persistence, PrivateValkey, unique_prefix};

async fn connect(valkey: &PrivateValkey) -> Connection {
    let settings = ConnectionSettings::parse(&valkey.url()).unwrap();
    Connection::open(&settings).await.unwrap()
}

#[tokio::test]
async fn data_is_known_by_whoever_asks() {
    let valkey = PrivateValkey::start_keeping(Persistence::Never)
        .await
        .unwrap();
    let prefix = unique_prefix();
    let mut identities = Vec::new();
    for _ in 0..3 {
        let data = ValkeyData::new(&connect(&valkey).await, &prefix).unwrap();
        identities.push(data.identity().await.unwrap());
    }
    identities.dedup();
    assert_eq!(identities.len(), 1, "{identities:?}");
}

#[tokio::test]
async fn a_server_that_was_emptied_has_other_data() {
    let valkey = PrivateValkey::start_keeping(Persistence::Never)
        .await
        .unwrap();
    let connection = connect(&valkey).await;
    let data = ValkeyData::new(&connection, &unique_prefix()).unwrap();
    let before = data.identity().await.unwrap();
    connection.command("FLUSHALL", Vec::new()).await.unwrap();
    let after = data.identity().await.unwrap();
    assert_ne!(before, after);
    assert_eq!(after, data.identity().await.unwrap());
}

#[tokio::test]
async fn a_server_that_was_started_again_has_other_data_whatever_it_has_kept() {
    for kept in [Persistence::Never, Persistence::Always] {
        let mut valkey = PrivateValkey::start_keeping(kept).await.unwrap();
        let data = ValkeyData::new(&connect(&valkey).await, &unique_prefix()).unwrap();
        let before = data.identity().await.unwrap();
        valkey.kill().await.unwrap();
        valkey.restart().await.unwrap();
        let after = eventually("the server to be reached", || async {
            data.identity().await.ok()
        })
        .await;
        assert_ne!(before, after);
    }
}
