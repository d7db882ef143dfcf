//! Forgets published events, records of handled ones and dead letters once they are old.

use std::sync::Arc;
use std::time::Duration;

use domain::event::retention::Retention;
use domain::{Clock, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::chain;
use super::observer::{EventObserver, Forgotten};

/// How long a job that carries an event may go on being tried: what is published last before it is
/// forgotten may come this much later, and still be known.
const LONGEST_RETRY: Duration = Duration::from_hours(24);

/// How long is remembered what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Published events, which can be published again as long as they are kept.
    pub published: Duration,
    /// Records of handled events, by which one that comes again is known.
    pub handled: Duration,
    /// Dead letters, since the last thing that happened to them.
    pub letters: Duration,
}

/// Records of handled events would be forgotten while their events can still come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what was handled must be remembered for at least {LONGEST_RETRY:?} longer than what was \
     published ({published:?}), because an event that is published again is known by it; it is \
     {handled:?}"
)]
pub struct RetentionError {
    published: Duration,
    handled: Duration,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            published: Duration::from_hours(7 * 24),
            handled: Duration::from_hours(30 * 24),
            letters: Duration::from_hours(30 * 24),
        }
    }
}

impl RetentionSettings {
    /// Fails if an event could take effect twice.
    pub fn check(self) -> Result<Self, RetentionError> {
        let Self {
            published, handled, ..
        } = self;
        if handled >= published.saturating_add(LONGEST_RETRY) {
            Ok(self)
        } else {
            Err(RetentionError { published, handled })
        }
    }
}

/// Forgets what is old, now and then, until it is told to stop.
pub struct Upkeep {
    retention: Arc<dyn Retention>,
    clock: Arc<dyn Clock>,
    settings: RetentionSettings,
    observer: Arc<dyn EventObserver>,
}

/// How long to wait before looking again.
const INTERVAL: Duration = Duration::from_mins(1);

/// The most rows forgotten in one step, which takes a few milliseconds.
const CHUNK: u32 = 500;

/// The rest between steps, in which others have the database to themselves.
const REST: Duration = Duration::from_millis(100);

impl Upkeep {
    /// Upkeep with these settings.
    pub fn new(
        retention: Arc<dyn Retention>,
        clock: Arc<dyn Clock>,
        settings: RetentionSettings,
        observer: Arc<dyn EventObserver>,
    ) -> Self {
        Self {
            retention,
            clock,
            settings,
            observer,
        }
    }

    /// Runs until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.forget().await {
                Ok(true) => REST,
                Ok(false) => INTERVAL,
                Err(error) => {
                    warn!(error = %chain(&error), "What is old can't be forgotten now");
                    INTERVAL
                }
            };
            let _ = stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    /// One step; whether there may be more.
    async fn forget(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let published = now.earlier(self.settings.published);
        let published = self.retention.forget_published(published, CHUNK).await?;
        let handled = now.earlier(self.settings.handled);
        let handled = self.retention.forget_seen(handled, CHUNK).await?;
        let letters = now.earlier(self.settings.letters);
        let letters = self.retention.forget_letters(letters, CHUNK).await?;
        let forgotten = Forgotten {
            published,
            handled,
            letters,
        };
        if forgotten != Forgotten::default() {
            info!(
                "Forgot {published} published events, {handled} records of handled ones and {letters} \
                 dead letters"
            );
            self.observer.forgotten(forgotten);
        }
        Ok(published.max(handled).max(letters) >= u64::from(CHUNK))
    }
}
