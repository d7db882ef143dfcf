//! How soon what waited is published and handled once Valkey is back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use testkit::valkey::Persistence;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Figure, until};
use crate::load::{Load, Told};
use crate::skew::Skew;
use crate::system::{DatabaseKind, Locks, System};

const LOCKS: Locks = Locks {
    duration: Duration::from_secs(30),
    check: Duration::from_secs(30),
    max_stalls: 1,
};

/// How long each author waits between two cards: some thirty events a second.
const PACE: Duration = Duration::from_millis(250);

const LIMIT: Duration = Duration::from_secs(1);

/// After how many events Valkey goes away.
const WARM: u64 = 50;

pub(super) async fn measure(outage: Duration) -> Result<Vec<Figure>> {
    let database = DatabaseKind::Postgres;
    let skew = Skew::of_seconds(0);
    let mut system = System::start(database, Persistence::Always, LOCKS, &skew).await?;
    let load = Load::prepare(system.apis()).await?.paced(PACE);
    let told = Arc::new(Told::default());
    let mut running = JoinSet::new();
    running.spawn(load.run(u64::MAX, Arc::clone(&told)));
    let published = "SELECT COUNT(*) FROM outbox WHERE published_at IS NOT NULL";
    let handled = "SELECT COUNT(*) FROM inbox";
    let warm = i64::try_from(WARM)?;
    until(&system, handled, |count| count >= 3 * warm).await?;

    system.valkey.kill().await?;
    tokio::time::sleep(outage).await;
    let waiting = "SELECT COUNT(*) FROM outbox WHERE published_at IS NULL";
    let waiting = system.sql.number(waiting).await?;
    let published_before = system.sql.number(published).await?;
    let handled_before = system.sql.number(handled).await?;
    system.valkey.restart().await?;
    let back = Instant::now();
    let (first_published, first_handled) = tokio::try_join!(
        until(&system, published, |count| count > published_before),
        until(&system, handled, |count| count > handled_before),
    )?;
    running.abort_all();
    let more = format!(" ({waiting} events waited)");
    let away = outage.as_secs();
    let what = |happened: &str| {
        format!(
            "the first of the backlog is {happened} after Valkey was away for {away} s under load"
        )
    };
    Ok(vec![
        Figure::at_most(&what("published"), LIMIT, first_published - back, &more),
        Figure::at_most(&what("handled"), LIMIT, first_handled - back, ""),
    ])
}
