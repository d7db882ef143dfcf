//! How soon work goes on: the figures that the project sets itself, measured.

mod latency;
mod outage;
mod takeover;

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::say;
use crate::system::{DatabaseKind, System};
use crate::table::Table;

/// What is measured, and for how long.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct FiguresSettings {
    /// For how many seconds Valkey is away
    #[arg(long, default_value_t = 60)]
    outage: u64,

    /// How many events are timed from their commit to their handler
    #[arg(long, default_value_t = 500)]
    samples: usize,
}

/// Something measured, and what it should be.
struct Figure {
    what: String,
    target: String,
    measured: String,
    is_met: bool,
}

impl Figure {
    /// A duration that should not be longer than another.
    fn at_most(what: &str, limit: Duration, measured: Duration, more: &str) -> Self {
        Self {
            what: what.to_owned(),
            target: format!("at most {}", millis(limit)),
            measured: format!("{}{more}", millis(measured)),
            is_met: measured <= limit,
        }
    }
}

/// Measures; whether every target is met.
pub(crate) async fn measure(settings: FiguresSettings) -> Result<bool> {
    let mut figures = Vec::new();
    figures.extend(takeover::measure().await?);
    figures.extend(outage::measure(Duration::from_secs(settings.outage)).await?);
    for database in [DatabaseKind::Postgres, DatabaseKind::Sqlite] {
        figures.push(latency::measure(database, settings.samples).await?);
    }
    let mut table = Table::new(&["figure", "target", "measured", "met"]);
    for figure in &figures {
        let met = if figure.is_met { "yes" } else { "no" };
        table.row([&figure.what, &figure.target, &figure.measured, &met]);
    }
    say(&table.text())?;
    Ok(figures.iter().all(|figure| figure.is_met))
}

fn millis(duration: Duration) -> String {
    if duration < Duration::from_millis(10) {
        format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// Asks the database until a number is as wanted; when that was.
async fn until(system: &System, query: &str, is_so: impl Fn(i64) -> bool) -> Result<Instant> {
    let begun = Instant::now();
    loop {
        let number = system.sql.number(query).await?;
        let now = Instant::now();
        if is_so(number) {
            return Ok(now);
        }
        if begun.elapsed() > Duration::from_mins(2) {
            anyhow::bail!("after two minutes the database still answers {number}: {query}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
