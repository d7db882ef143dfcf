//! How often something may be done in a while.
//!
//! Uses are counted over all processes, by a [`RateCounter`] outside of them. While that one can't
//! be reached each process counts for itself, so that a limit becomes looser by the number of
//! processes and never stops anybody who keeps to it.

mod local;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Clock;
use domain::curators::{Handle, TokenId};
use domain::store::BoxError;
use tracing::{info, warn};

pub use crate::queues::RateLimit;
use local::LocalCounter;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The requests made with a token.
    Requests(TokenId),
    /// Attempts to sign in as somebody, who need not exist.
    SignIns(Handle),
}

impl Counted {
    /// A name that nothing else that is counted has.
    pub fn name(&self) -> String {
        match self {
            Self::Requests(token) => format!("requests:{token}"),
            Self::SignIns(handle) => format!("sign-ins:{handle}"),
        }
    }
}

/// How often something was counted, and for how long that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How often, in this window.
    pub count: u64,
    /// How long the window goes on.
    pub ends_in: Duration,
}

/// Counts in windows: one begins with the first use after the one before has ended.
#[async_trait]
pub trait RateCounter: Send + Sync {
    /// Counts once more. MUST be answered soon or fail: requests wait for it.
    async fn count(&self, what: &Counted, window: Duration) -> Result<Count, BoxError>;

    /// Forgets what was counted.
    async fn forget(&self, what: &Counted) -> Result<(), BoxError>;
}

/// One use of what is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    limit: RateLimit,
    count: Count,
}

impl Use {
    /// The limit it counts against.
    pub fn limit(self) -> RateLimit {
        self.limit
    }

    /// Whether it keeps to the limit.
    pub fn is_allowed(self) -> bool {
        self.count.count <= u64::from(self.limit.max.get())
    }

    /// How many more there may be in this window.
    pub fn remaining(self) -> u64 {
        u64::from(self.limit.max.get()).saturating_sub(self.count.count)
    }

    /// How long the window goes on.
    pub fn ends_in(self) -> Duration {
        self.count.ends_in
    }
}

/// Counts uses and compares them with limits.
#[derive(Clone)]
pub struct Rates {
    shared: Option<Arc<dyn RateCounter>>,
    local: Arc<LocalCounter>,
    is_alone: Arc<AtomicBool>,
}

impl Rates {
    /// Counts in this process alone.
    pub fn of_this_process(clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: None,
            local: Arc::new(LocalCounter::new(clock)),
            is_alone: Arc::default(),
        }
    }

    /// Counts over all processes that share the counter.
    pub fn shared(counter: Arc<dyn RateCounter>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Some(counter),
            ..Self::of_this_process(clock)
        }
    }

    /// Counts one use, allowed or not.
    pub async fn take(&self, what: &Counted, limit: RateLimit) -> Use {
        let count = self.count(what, limit.window).await;
        Use { limit, count }
    }

    /// Forgets what was counted.
    pub async fn forget(&self, what: &Counted) {
        self.local.forget(what);
        if let Some(shared) = &self.shared {
            let forgotten = shared.forget(what).await;
            self.note(forgotten.err());
        }
    }

    async fn count(&self, what: &Counted, window: Duration) -> Count {
        let Some(shared) = &self.shared else {
            return self.local.count(what, window);
        };
        match shared.count(what, window).await {
            Ok(count) => {
                self.note(None);
                count
            }
            Err(error) => {
                self.note(Some(error));
                self.local.count(what, window)
            }
        }
    }

    /// Logs that the process counts alone, and that it does not any more, once each.
    fn note(&self, failure: Option<BoxError>) {
        let was_alone = self.is_alone.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_alone => {
                warn!("Rates are counted by this process alone for now: {error}");
            }
            None if was_alone => info!("Rates are counted over all processes again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Mutex;

    use domain::UnixMillis;
    use testkit::clock::FixedClock;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn limit(max: u32) -> RateLimit {
        RateLimit {
            max: NonZeroU32::new(max).unwrap(),
            window: WINDOW,
        }
    }

    fn sign_ins(handle: &str) -> Counted {
        Counted::SignIns(Handle::parse(handle).unwrap())
    }

    /// Answers with what it is told to, and fails otherwise.
    #[derive(Default)]
    struct Scripted(Mutex<Option<Count>>);

    #[async_trait]
    impl RateCounter for Scripted {
        async fn count(&self, _what: &Counted, _window: Duration) -> Result<Count, BoxError> {
            let count = *self.0.lock().unwrap();
            count.ok_or_else(|| "away".into())
        }

        async fn forget(&self, _what: &Counted) -> Result<(), BoxError> {
            Err("away".into())
        }
    }

    #[tokio::test]
    async fn what_is_over_the_limit_is_refused_until_the_window_ends() {
        let clock = FixedClock::default();
        let rates = Rates::of_this_process(Arc::new(clock.clone()));
        let take = async |handle| rates.take(&sign_ins(handle), limit(2)).await;
        assert_eq!(take("ada").await.remaining(), 1);
        assert!(take("ada").await.is_allowed());
        let refused = take("ada").await;
        assert!(!refused.is_allowed());
        assert_eq!((refused.remaining(), refused.ends_in()), (0, WINDOW));
        assert!(
            take("bob").await.is_allowed(),
            "each has a count of its own"
        );

        let start = clock.now().as_i64();
        clock.set(UnixMillis::new(start + 59_999));
        let refused = take("ada").await;
        assert!(!refused.is_allowed());
        assert_eq!(refused.ends_in(), Duration::from_millis(1));
        clock.set(UnixMillis::new(start + 60_000));
        assert!(take("ada").await.is_allowed());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_counted_from_the_start() {
        let rates = Rates::of_this_process(Arc::new(FixedClock::default()));
        let ada = sign_ins("ada");
        rates.take(&ada, limit(1)).await;
        rates.forget(&ada).await;
        assert!(rates.take(&ada, limit(1)).await.is_allowed());
    }

    #[tokio::test]
    async fn the_shared_count_decides_and_while_it_is_away_the_process_counts_alone() {
        let shared = Arc::new(Scripted::default());
        let counter: Arc<dyn RateCounter> = shared.clone();
        let rates = Rates::shared(counter, Arc::new(FixedClock::default()));
        let count = Count {
            count: 3,
            ends_in: Duration::from_secs(7),
        };
        *shared.0.lock().unwrap() = Some(count);
        let ada = sign_ins("ada");
        let refused = rates.take(&ada, limit(2)).await;
        assert!(!refused.is_allowed());
        assert_eq!(refused.ends_in(), Duration::from_secs(7));

        *shared.0.lock().unwrap() = None;
        let remaining = async || rates.take(&ada, limit(2)).await.remaining();
        assert_eq!((remaining().await, remaining().await), (1, 0));
        assert!(!rates.take(&ada, limit(2)).await.is_allowed(), "bounded");
    }
}
