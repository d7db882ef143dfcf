//! Counting uses over all processes, against a real Valkey.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use application::rates::{Counted, RateCounter, RateLimit, Rates};
use domain::curators::Handle;
use infra_redis::engine::{Connection, ConnectionSettings, Reply};
use infra_redis::rates::SharedCounter;
use testkit::clock::FixedClock;
use testkit::program::eventually;
use testkit::valkey::{PrivateValkey, shared_url, unique_prefix};

const WINDOW: Duration = Duration::from_secs(60);

fn ada() -> Counted {
    Counted::SignIns(Handle::parse("ada").unwrap())
}

async fn connect(url: &str) -> Connection {
    let settings = ConnectionSettings::parse(url).unwrap();
    Connection::open(&settings).await.unwrap()
}

#[tokio::test]
async fn processes_share_a_count_and_keys_end_with_their_window() {
    let (url, prefix) = (shared_url().await, unique_prefix());
    let (one, two) = (connect(&url).await, connect(&url).await);
    let counters = [&one, &two].map(|connection| SharedCounter::new(connection, &prefix).unwrap());
    let mut counts = Vec::new();
    for round in 0..4 {
        let count = counters[round % 2].count(&ada(), WINDOW).await.unwrap();
        assert!(
            count.ends_in <= WINDOW && count.ends_in > Duration::ZERO,
            "{count:?}"
        );
        counts.push(count.count);
    }
    assert_eq!(counts, [1, 2, 3, 4]);

    let key = format!("{prefix}:rates:{}", ada().name());
    let left = one.command("PTTL", vec![key.clone()]).await.unwrap();
    assert!(matches!(left, Reply::Int(1..=60_000)), "{left:?}");
    counters[1].forget(&ada()).await.unwrap();
    assert_eq!(counters[0].count(&ada(), WINDOW).await.unwrap().count, 1);

    // A count that somebody has made last for ever ends all the same.
    one.command("PERSIST", vec![key]).await.unwrap();
    let count = counters[0].count(&ada(), WINDOW).await.unwrap();
    assert_eq!((count.count, count.ends_in), (2, WINDOW));
}

#[tokio::test]
async fn while_valkey_is_away_limits_hold_within_the_process_and_nobody_waits() {
    let mut valkey = PrivateValkey::start().await.unwrap();
    let connection = connect(&valkey.url()).await;
    let counter = SharedCounter::new(&connection, &unique_prefix()).unwrap();
    let rates = Rates::shared(Arc::new(counter), Arc::new(FixedClock::default()));
    let limit = RateLimit {
        max: NonZeroU32::new(2).unwrap(),
        window: WINDOW,
    };
    let remaining = async || rates.take(&ada(), limit).await.remaining();
    assert_eq!(remaining().await, 1);

    valkey.kill().await.unwrap();
    let asked = Instant::now();
    assert_eq!((remaining().await, remaining().await), (1, 0));
    assert!(!rates.take(&ada(), limit).await.is_allowed());
    for _ in 0..1_000 {
        remaining().await;
    }
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );

    valkey.restart().await.unwrap();
    eventually("the shared count to be asked again", || async {
        let used = rates
            .take(&Counted::SignIns(Handle::parse("bob").unwrap()), limit)
            .await;
        // The process's own clock stands still; the server's does not.
        (used.ends_in() != WINDOW).then_some(())
    })
    .await;
}
