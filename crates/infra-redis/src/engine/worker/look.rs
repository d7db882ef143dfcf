//! When a worker looks for jobs, and the signals that make it look.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::round::Round;
use super::waker::Signal;
use crate::engine::clock;
use crate::engine::connection::Connection;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::reply::Reply;

/// The longest sleep while the rate limit lets no job start.
const MAX_RATE_LIMIT_SLEEP: Duration = Duration::from_secs(30);

/// The longest wait for a delayed job without another look; other clients may have written times that
/// no clock knows.
const LONGEST_SLEEP: Duration = Duration::from_hours(24);

/// When to look for jobs next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    /// Now, if there is a free slot.
    Now,
    /// When woken, or at this time at the latest.
    Later(Option<Instant>),
    /// Not before this time, whatever happens.
    NotBefore(Instant),
}

impl Look {
    /// When to look next, from what the last look brought.
    pub(super) fn after(round: &Round, wanted: usize) -> Self {
        if let Some(wait) = round.rate_limited {
            return Self::NotBefore(Instant::now() + wait.min(MAX_RATE_LIMIT_SLEEP));
        }
        // A call that got all it asked for may have left more.
        if round.jobs.len() >= wanted {
            return Self::Now;
        }
        Self::Later(round.next_due.map(instant_of))
    }

    /// Returns when it is time to look on one's own; never if that is not known.
    pub(super) async fn is_due(self) {
        match self {
            Self::NotBefore(time) | Self::Later(Some(time)) => tokio::time::sleep_until(time).await,
            Self::Now | Self::Later(None) => std::future::pending().await,
        }
    }
}

/// A time of the queue's, as this process counts it.
pub(super) fn instant_of(unix_millis: f64) -> Instant {
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
    let wait = (unix_millis - clock::now() as f64).max(0.0);
    let wait = Duration::try_from_secs_f64(wait / 1000.0).unwrap_or(LONGEST_SLEEP);
    Instant::now() + wait.min(LONGEST_SLEEP)
}

/// One look that costs the server less than a claim does, for a worker that has nothing to do for a
/// long time.
pub(super) async fn may_have_work(connection: &Connection, keys: &QueueKeys) -> bool {
    let places = [Suffix::Wait, Suffix::Prioritized, Suffix::Delayed];
    let places = places.map(|place| keys.of(place)).to_vec();
    !matches!(
        connection.command("EXISTS", places).await,
        Ok(Reply::Int(0))
    )
}

/// Gives a signal back that can't be used here: another worker may be idle.
pub(super) async fn pass_on(connection: &Connection, keys: &QueueKeys, signal: Signal) {
    let (score, member) = match signal {
        Signal::Nothing => return,
        Signal::Work => ("0".to_owned(), "0"),
        Signal::At(due) => (due.to_string(), "1"),
    };
    let args = vec![keys.of(Suffix::Marker), score, member.to_owned()];
    if let Err(error) = connection.command("ZADD", args).await {
        debug!(%error, "A wake-up could not be passed on");
    }
}
