//! How long to wait before another attempt: a pure policy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The wait before the next attempt, from the number of attempts made so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Written")]
pub struct Backoff {
    kind: Kind,
    delay: Duration,
    jitter: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fixed,
    Exponential,
}

/// Why a backoff can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BackoffError {
    /// Jitter is a share of the delay.
    #[error("Jitter should be between 0 and 1")]
    Jitter,
    /// A strategy that only the program that added the job knows.
    #[error("unknown backoff strategy `{0}`; there are fixed and exponential")]
    UnknownKind(String),
}

impl Backoff {
    /// Always the same wait.
    pub fn fixed(delay: Duration) -> Self {
        Self {
            kind: Kind::Fixed,
            delay,
            jitter: 0.0,
        }
    }

    /// A wait that doubles with each attempt.
    pub fn exponential(delay: Duration) -> Self {
        Self {
            kind: Kind::Exponential,
            delay,
            jitter: 0.0,
        }
    }

    /// Takes up to this share (0 to 1) off each wait, at random, so that jobs that failed together
    /// do not come back together.
    pub fn with_jitter(self, jitter: f64) -> Result<Self, BackoffError> {
        if (0.0..=1.0).contains(&jitter) {
            Ok(Self { jitter, ..self })
        } else {
            Err(BackoffError::Jitter)
        }
    }

    /// The wait after the `attempts_made`th attempt failed. `random` is from 0 up to 1.
    pub fn delay(&self, attempts_made: u32, random: f64) -> Duration {
        let factor = match self.kind {
            Kind::Fixed => 1,
            Kind::Exponential => 1_u32
                .checked_shl(attempts_made.saturating_sub(1))
                .unwrap_or(u32::MAX),
        };
        let full = self.delay.saturating_mul(factor).min(LONGEST);
        if self.jitter == 0.0 {
            return full;
        }
        full.mul_f64(random * self.jitter + (1.0 - self.jitter))
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
    kind: &'static str,
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
        let backoff = match kind.as_str() {
            "fixed" => Self::fixed(delay),
            "exponential" => Self::exponential(delay),
            _ => return Err(BackoffError::UnknownKind(kind)),
        };
        backoff.with_jitter(jitter)
    }
}

impl From<Backoff> for Written {
    fn from(backoff: Backoff) -> Self {
        Self {
            kind: match backoff.kind {
                Kind::Fixed => "fixed",
                Kind::Exponential => "exponential",
            },
            delay: crate::engine::options::millis(backoff.delay),
            jitter: (backoff.jitter > 0.0).then_some(backoff.jitter),
        }
    }
}

fn millis(delay: f64) -> Duration {
    // Other clients may have stored anything that JSON can hold.
    Duration::try_from_secs_f64(delay.max(0.0) / 1000.0).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_exponential_one_doubles() {
        let backoff = Backoff::exponential(SECOND);
        let waits: Vec<_> = (1..=4).map(|n| backoff.delay(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
    }

    #[test]
    fn a_fixed_one_stays() {
        assert_eq!(Backoff::fixed(SECOND).delay(7, 0.0), SECOND);
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
    fn a_strategy_that_nobody_knows_is_named() {
        let error = serde_json::from_str::<Backoff>(r#"{"type":"mine"}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("unknown backoff strategy `mine`")
        );
    }

    proptest! {
        #[test]
        fn it_is_monotone_and_bounded(base in 0_u64..100_000, n in 1_u32..80) {
            let backoff = Backoff::exponential(Duration::from_millis(base));
            let (this, next) = (backoff.delay(n, 0.0), backoff.delay(n + 1, 0.0));
            prop_assert!(this <= next && next <= LONGEST);
        }

        #[test]
        fn jitter_only_ever_shortens(jitter in 0.0_f64..=1.0, random in 0.0_f64..1.0) {
            let backoff = Backoff::fixed(SECOND).with_jitter(jitter).unwrap();
            let wait = backoff.delay(1, random);
            let shortest = SECOND.mul_f64(1.0 - jitter);
            prop_assert!(wait <= SECOND && wait + Duration::from_nanos(1) >= shortest);
        }
    }
}
