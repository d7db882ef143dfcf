//! The one time type of the ports, and where "now" comes from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in milliseconds since 1970-01-01 UTC; written as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(i64);

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> UnixMillis;
}

/// The text is not an RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-24T10:00:00.000Z")]
pub struct TimeError(String);

impl UnixMillis {
    /// A moment from milliseconds since the epoch.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The moment that is so much later; the last there is if that is too much.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// The moment that is so much earlier; the first there is if that is too much.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// The UTC day this moment falls on, as `2026-11-24`.
    pub fn day(self) -> String {
        self.to_string()[..10].to_owned()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH);
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for UnixMillis {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self(time.timestamp_millis()))
            .map_err(|_| TimeError(text.to_owned()))
    }
}

impl Serialize for UnixMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnixMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_end_where_there_are_no_others() {
        let (time, second) = (UnixMillis::new(1_000), Duration::from_secs(1));
        assert_eq!(
            (time.later(second), time.earlier(second)),
            (UnixMillis(2_000), UnixMillis(0))
        );
        assert_eq!(time.later(Duration::MAX), UnixMillis(i64::MAX));
        let before_all = UnixMillis::new(-2);
        assert_eq!(before_all.earlier(Duration::MAX), UnixMillis(i64::MIN));
    }

    #[test]
    fn is_written_as_rfc_3339_with_milliseconds() {
        let time = UnixMillis::new(1_795_507_964_676);
        assert_eq!(time.to_string(), "2026-11-24T08:12:44.676Z");
        assert_eq!(time.day(), "2026-11-24");
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_parsed(millis in 0_i64..4_102_444_800_000) {
            let time = UnixMillis::new(millis);
            prop_assert_eq!(time.to_string().parse::<UnixMillis>().unwrap(), time);
        }
    }
}
