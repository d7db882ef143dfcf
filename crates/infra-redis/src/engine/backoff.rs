//! How long to wait before another attempt: a pure policy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::number::whole;

/// The wait before the next attempt, from the number of attempts made so far.
///
/// ```
/// use infra_redis::engine::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::exponential(Duration::from_secs(2));
/// let waits: Vec<_> = (1..=4).filter_map(|made| backoff.delay(made, 0.0)).map(|wait| wait.as_secs()).collect();
/// assert_eq!(waits, [2, 4, 8, 16]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Written")]
pub struct Backoff {
    kind: Kind,
    delay: Duration,
    jitter: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Fixed,
    Exponential,
    Named(String),
}

/// Why a backoff can't be used.
///
/// ```
/// use infra_redis::engine::{Backoff, BackoffError};
/// use std::time::Duration;
///
/// let backoff = Backoff::fixed(Duration::from_secs(1));
/// assert_eq!(backoff.with_jitter(1.5), Err(BackoffError::Jitter));
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BackoffError {
    /// Jitter is a share of the delay.
    #[error("Jitter should be between 0 and 1")]
    Jitter,
}

/// A worker's own strategies: how long jobs wait whose backoff is neither fixed nor exponential.
///
/// Any `Fn(&FailedAttempt<'_>) -> Option<Duration>` is one:
///
/// ```
/// use infra_redis::engine::{FailedAttempt, WorkerSettings};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// // Each wait is longer than the one before by the delay that the job was added with.
/// let linear = |attempt: &FailedAttempt<'_>| {
///     (attempt.attempt < 5).then(|| attempt.base * attempt.attempt)
/// };
/// let settings = WorkerSettings {
///     backoff: Some(Arc::new(linear)),
///     ..WorkerSettings::default()
/// };
/// # assert!(settings.backoff.is_some());
/// ```
pub trait BackoffStrategy: Send + Sync {
    /// The wait before the next attempt, in whole milliseconds; absent if there must be none, and
    /// the job fails for good.
    ///
    /// ```
    /// use infra_redis::engine::{BackoffStrategy, FailedAttempt};
    /// use std::time::Duration;
    ///
    /// struct GiveUp;
    ///
    /// impl BackoffStrategy for GiveUp {
    ///     fn delay(&self, _attempt: &FailedAttempt<'_>) -> Option<Duration> {
    ///         None
    ///     }
    /// }
    /// ```
    fn delay(&self, attempt: &FailedAttempt<'_>) -> Option<Duration>;
}

impl<F> BackoffStrategy for F
where
    F: Fn(&FailedAttempt<'_>) -> Option<Duration> + Send + Sync,
{
    fn delay(&self, attempt: &FailedAttempt<'_>) -> Option<Duration> {
        self(attempt)
    }
}

/// An attempt that failed, as a [`BackoffStrategy`] is told of it.
///
/// ```
/// use infra_redis::engine::FailedAttempt;
/// use std::time::Duration;
///
/// fn is_worth_another(attempt: &FailedAttempt<'_>) -> Option<Duration> {
///     (attempt.reason != "gone").then_some(attempt.base)
/// }
/// # let _: fn(&FailedAttempt<'_>) -> Option<Duration> = is_worth_another;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailedAttempt<'a> {
    /// The strategy that the job was added with.
    pub strategy: &'a str,
    /// The delay that it was added with; zero if none was given.
    pub base: Duration,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// Identifies the job within its queue.
    pub job_id: &'a str,
    /// The kind of job.
    pub job_name: &'a str,
    /// What it works on, as JSON.
    pub data: &'a str,
    /// Why it failed, in a sentence.
    pub reason: &'a str,
}

impl Backoff {
    /// Always the same wait, of whole milliseconds and at most ten years.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::fixed(Duration::from_millis(500));
    /// assert_eq!(backoff.delay(7, 0.0), Some(Duration::from_millis(500)));
    /// ```
    pub fn fixed(delay: Duration) -> Self {
        Self {
            kind: Kind::Fixed,
            delay,
            jitter: 0.0,
        }
    }

    /// A wait that a strategy of the worker's own decides; see [`BackoffStrategy`]. `delay` is
    /// told to it, in whole milliseconds. On a worker without strategies the job fails for good.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::named("next-business-day", Duration::ZERO);
    /// assert_eq!(backoff.delay(1, 0.0), None);
    /// ```
    pub fn named(strategy: impl Into<String>, delay: Duration) -> Self {
        let kind = match strategy.into() {
            name if name == "fixed" => Kind::Fixed,
            name if name == "exponential" => Kind::Exponential,
            name => Kind::Named(name),
        };
        Self {
            kind,
            delay,
            jitter: 0.0,
        }
    }

    /// A wait that begins at `delay`, of whole milliseconds, and doubles with each attempt, up to
    /// ten years.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::exponential(Duration::from_secs(1));
    /// assert_eq!(backoff.delay(3, 0.0), Some(Duration::from_secs(4)));
    /// ```
    pub fn exponential(delay: Duration) -> Self {
        Self {
            kind: Kind::Exponential,
            delay,
            jitter: 0.0,
        }
    }

    /// Takes up to this share (0 to 1) off each wait, at random, so that jobs that failed together
    /// do not come back together.
    ///
    /// # Errors
    ///
    /// [`BackoffError::Jitter`] if the share is not from 0 to 1.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::fixed(Duration::from_secs(10)).with_jitter(0.5)?;
    /// assert_eq!(backoff.delay(1, 0.0), Some(Duration::from_secs(5)));
    /// assert_eq!(backoff.delay(1, 0.5), Some(Duration::from_millis(7500)));
    /// # Ok::<(), infra_redis::engine::BackoffError>(())
    /// ```
    pub fn with_jitter(self, jitter: f64) -> Result<Self, BackoffError> {
        if (0.0..=1.0).contains(&jitter) {
            Ok(Self { jitter, ..self })
        } else {
            Err(BackoffError::Jitter)
        }
    }

    /// The strategy of the worker's own that decides, and the delay it is told; absent if the wait
    /// is fixed or exponential.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::named("next-business-day", Duration::ZERO);
    /// assert_eq!(backoff.strategy(), Some(("next-business-day", Duration::ZERO)));
    /// ```
    pub fn strategy(&self) -> Option<(&str, Duration)> {
        match &self.kind {
            Kind::Named(name) => Some((name, self.delay)),
            Kind::Fixed | Kind::Exponential => None,
        }
    }

    /// The wait after the `attempts_made`th attempt failed, counted from 1, at most ten years; absent if
    /// a strategy of the worker's own decides it.
    ///
    /// `random` is from 0 up to 1 and decides how much of the jitter is taken off: all of it at 0.
    ///
    /// ```
    /// # use infra_redis::engine::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::exponential(Duration::from_secs(1)).with_jitter(0.2)?;
    /// assert_eq!(backoff.delay(2, 0.0), Some(Duration::from_millis(1600)));
    /// # Ok::<(), infra_redis::engine::BackoffError>(())
    /// ```
    pub fn delay(&self, attempts_made: u32, random: f64) -> Option<Duration> {
        let factor = match self.kind {
            Kind::Fixed => 1,
            Kind::Exponential => 1_u32
                .checked_shl(attempts_made.saturating_sub(1))
                .unwrap_or(u32::MAX),
            Kind::Named(_) => return None,
        };
        let full = self.delay.saturating_mul(factor).min(LONGEST);
        if self.jitter == 0.0 {
            return Some(full);
        }
        Some(full.mul_f64(random * self.jitter + (1.0 - self.jitter)))
    }
}

/// Beyond this a due time would leave the range in which BullMQ's scores are exact.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// How a backoff is read from a job's options. A bare number is a fixed one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Millis(f64),
    Strategy {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        delay: f64,
        #[serde(default)]
        jitter: f64,
    },
}

/// How a backoff is written to a job's options.
#[derive(Serialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    delay: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<f64>,
}

impl TryFrom<Wire> for Backoff {
    type Error = BackoffError;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let (kind, delay, jitter) = match wire {
            Wire::Millis(delay) => return Ok(Self::fixed(millis(delay))),
            Wire::Strategy {
                kind,
                delay,
                jitter,
            } => (kind, millis(delay), jitter),
        };
        Self::named(kind, delay).with_jitter(jitter)
    }
}

impl From<Backoff> for Written {
    fn from(backoff: Backoff) -> Self {
        Self {
            kind: match backoff.kind {
                Kind::Fixed => "fixed".to_owned(),
                Kind::Exponential => "exponential".to_owned(),
                Kind::Named(name) => name,
            },
            delay: crate::engine::options::millis(backoff.delay),
            jitter: (backoff.jitter > 0.0).then_some(backoff.jitter),
        }
    }
}

/// Other clients may have stored anything that JSON can hold. Whole milliseconds, as they are
/// written, so that reading and writing changes nothing more.
fn millis(delay: f64) -> Duration {
    Duration::from_millis(whole(delay)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_exponential_one_doubles() {
        let backoff = Backoff::exponential(SECOND);
        let waits: Vec<_> = (1..=4)
            .map(|n| backoff.delay(n, 0.0).unwrap().as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8]);
    }

    #[test]
    fn a_fixed_one_stays() {
        assert_eq!(Backoff::fixed(SECOND).delay(7, 0.0), Some(SECOND));
    }

    #[test]
    fn it_is_written_as_bullmq_writes_it() {
        let json = serde_json::to_value(Backoff::exponential(SECOND)).unwrap();
        let expected = serde_json::json!({"type": "exponential", "delay": 1000});
        assert_eq!(json, expected);
        let bare: Backoff = serde_json::from_str("500").unwrap();
        assert_eq!(bare, Backoff::fixed(Duration::from_millis(500)));
    }

    #[test]
    fn a_strategy_of_the_workers_own_is_kept_as_it_is() {
        let json = r#"{"type":"mine","delay":5}"#;
        let backoff: Backoff = serde_json::from_str(json).unwrap();
        assert_eq!(backoff.strategy(), Some(("mine", Duration::from_millis(5))));
        assert_eq!(backoff.delay(1, 0.0), None);
        assert_eq!(serde_json::to_string(&backoff).unwrap(), json);
        assert_eq!(Backoff::named("fixed", SECOND), Backoff::fixed(SECOND));
    }

    proptest! {
        #[test]
        fn it_is_monotone_and_bounded(base in 0_u64..100_000, n in 1_u32..80) {
            let backoff = Backoff::exponential(Duration::from_millis(base));
            let (this, next) = (backoff.delay(n, 0.0), backoff.delay(n + 1, 0.0));
            prop_assert!(this <= next && next <= Some(LONGEST));
        }

        #[test]
        fn what_is_written_is_read_again(
            millis in 0..=crate::engine::options::millis(LONGEST),
            jitter in 0.0_f64..=1.0,
        ) {
            let backoff = Backoff::exponential(Duration::from_millis(millis));
            let backoff = backoff.with_jitter(jitter).unwrap();
            let json = serde_json::to_string(&backoff).unwrap();
            prop_assert_eq!(serde_json::from_str::<Backoff>(&json).unwrap(), backoff);
        }

        #[test]
        fn jitter_only_ever_shortens(jitter in 0.0_f64..=1.0, random in 0.0_f64..1.0) {
            let backoff = Backoff::fixed(SECOND).with_jitter(jitter).unwrap();
            let wait = backoff.delay(1, random).unwrap();
            let shortest = SECOND.mul_f64(1.0 - jitter);
            prop_assert!(wait <= SECOND && wait + Duration::from_nanos(1) >= shortest);
        }
    }
}
