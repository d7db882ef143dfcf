//! How the values of options are written on a command line.

use std::io::{self, Read};
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context;
use domain::{PageLimit, UnixMillis};
use infra_redis::engine::{Backoff, JobId, JobState, Keep, QueueId, RateLimit};
use process::settings::duration;
use serde_json::value::RawValue;

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit<T> {
    /// So much.
    Some(T),
    /// `none`.
    None,
}

/// Where a document comes from.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    /// `-`.
    StandardInput,
    /// The argument itself.
    Here(Box<RawValue>),
}

impl Document {
    /// The document's text, which is JSON.
    pub(crate) fn read(self) -> anyhow::Result<Box<RawValue>> {
        match self {
            Self::Here(data) => Ok(data),
            Self::StandardInput => {
                let mut text = String::new();
                io::stdin()
                    .lock()
                    .read_to_string(&mut text)
                    .context("standard input can't be read")?;
                json(&text).map_err(|error| anyhow::anyhow!("standard input {error}"))
            }
        }
    }
}

/// Ends the program as it ends when its arguments can't be read.
pub(crate) fn refuse(sentence: &str) -> ! {
    clap::Error::raw(
        clap::error::ErrorKind::ArgumentConflict,
        format!("{sentence}\n"),
    )
    .exit()
}

/// A queue's name.
pub(crate) fn queue_name(text: &str) -> Result<String, String> {
    let checked = QueueId::parse("", text);
    checked.map_err(|error| error.reason)?;
    Ok(text.to_owned())
}

/// An id of one's own.
pub(crate) fn job_id(text: &str) -> Result<JobId, String> {
    JobId::parse(text).map_err(|error| error.reason)
}

/// The name of a state.
pub(crate) fn job_state(text: &str) -> Result<JobState, String> {
    text.parse::<JobState>().map_err(|error| error.reason)
}

/// `MAX/DURATION`.
pub(crate) fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let parsed = text.split_once('/').and_then(|(max, window)| {
        Some(RateLimit {
            max: max.parse().ok().filter(|max| *max > 0)?,
            window: duration(window).ok().filter(|window| !window.is_zero())?,
        })
    });
    parsed.ok_or_else(|| "expected a number and a duration such as 100/60s".to_owned())
}

/// `MAX/DURATION` or `none`.
pub(crate) fn optional_rate_limit(text: &str) -> Result<Limit<RateLimit>, String> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let limit = rate_limit(text).map(Limit::Some);
    limit.map_err(|_| "expected none, or a number and a duration such as 100/60s".to_owned())
}

/// A whole number from 1, or `none`.
pub(crate) fn optional_concurrency(text: &str) -> Result<Limit<NonZeroU32>, String> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let number = text.parse().map(Limit::Some);
    number.map_err(|_| "expected none, or a whole number from 1".to_owned())
}

/// Which finished jobs are kept: `all`, `none`, a number, an age, or both as `NUMBER/AGE`.
pub(crate) fn keep(text: &str) -> Result<Keep, String> {
    let young = |age, count| Keep::Young {
        age,
        count,
        limit: None,
    };
    let parsed = match text {
        "all" => Some(Keep::All),
        "none" => Some(Keep::None),
        _ => {
            if let Ok(count) = text.parse() {
                Some(Keep::Newest(count))
            } else if let Some((count, age)) = text.split_once('/') {
                let count = count.parse().ok();
                count.and_then(|count| Some(young(whole_seconds(age)?, Some(count))))
            } else {
                whole_seconds(text).map(|age| young(age, None))
            }
        }
    };
    parsed.ok_or_else(|| {
        "expected all, none, a number such as 100, an age in seconds or more such as 24h, or both \
         such as 100/24h"
            .to_owned()
    })
}

fn whole_seconds(text: &str) -> Option<Duration> {
    duration(text).ok().filter(|age| age.subsec_nanos() == 0)
}

/// `fixed:WAIT` or `exponential:WAIT`, the wait in milliseconds or as a duration.
pub(crate) fn backoff(text: &str) -> Result<Backoff, String> {
    let expected = || {
        "expected fixed or exponential and a wait, such as exponential:1000 or fixed:2s".to_owned()
    };
    let (kind, wait) = text.split_once(':').ok_or_else(expected)?;
    let wait = wait
        .parse()
        .map(Duration::from_millis)
        .or_else(|_| duration(wait))
        .map_err(|_| expected())?;
    match kind {
        "fixed" => Ok(Backoff::fixed(wait)),
        "exponential" => Ok(Backoff::exponential(wait)),
        _ => Err(expected()),
    }
}

/// A moment, as RFC 3339 or in Unix milliseconds.
pub(crate) fn moment(text: &str) -> Result<u64, String> {
    let parsed = text.parse::<u64>().ok().or_else(|| {
        let time: UnixMillis = text.parse().ok()?;
        u64::try_from(time.as_i64()).ok()
    });
    parsed.ok_or_else(|| {
        "expected a time such as 2026-11-24T10:00:00Z, or Unix milliseconds".to_owned()
    })
}

/// A moment, as RFC 3339 or in Unix milliseconds.
pub(crate) fn instant(text: &str) -> Result<UnixMillis, String> {
    let millis = moment(text)?;
    Ok(UnixMillis::new(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// How many rows are shown.
pub(crate) fn page_limit(text: &str) -> Result<PageLimit, String> {
    let rows = text
        .parse()
        .map_err(|_| "expected a number from 1 to 100")?;
    PageLimit::try_new(rows).map_err(|error| error.to_string())
}

/// `N/DURATION` or `N/s`: the time from one to the next.
pub(crate) fn pace(text: &str) -> Result<Duration, String> {
    let parsed = text.split_once('/').and_then(|(number, window)| {
        let number: NonZeroU32 = number.parse().ok()?;
        let window = match window {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            _ => duration(window).ok().filter(|window| !window.is_zero())?,
        };
        Some(window / number.get())
    });
    parsed.ok_or_else(|| "expected a number and a time such as 10/s or 100/1m".to_owned())
}

/// `QUEUE:ID`.
pub(crate) fn queue_and_id(text: &str) -> Result<(String, String), String> {
    let (queue, id) = text
        .split_once(':')
        .filter(|(queue, id)| !queue.is_empty() && !id.is_empty())
        .ok_or_else(|| "expected a queue and the id of a job, such as orders:17".to_owned())?;
    Ok((queue.to_owned(), id.to_owned()))
}

/// JSON, or `-` for standard input.
pub(crate) fn document(text: &str) -> Result<Document, String> {
    if text == "-" {
        return Ok(Document::StandardInput);
    }
    json(text).map(Document::Here)
}

/// JSON.
pub(crate) fn json(text: &str) -> Result<Box<RawValue>, String> {
    let parsed: Result<Box<RawValue>, _> = serde_json::from_str(text);
    parsed.map_err(|error| format!("is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_kept_is_a_number_an_age_or_both() {
        assert_eq!(keep("all"), Ok(Keep::All));
        assert_eq!(keep("none"), Ok(Keep::None));
        assert_eq!(keep("0"), Ok(Keep::Newest(0)));
        let young = |count| Keep::Young {
            age: SECOND * 60,
            count,
            limit: None,
        };
        assert_eq!(keep("60s"), Ok(young(None)));
        assert_eq!(keep("10/1m"), Ok(young(Some(10))));
        for wrong in ["", "some", "-1", "500ms", "1/", "/1m"] {
            assert!(keep(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_backoff_is_a_kind_and_a_wait() {
        assert_eq!(backoff("fixed:2s"), Ok(Backoff::fixed(SECOND * 2)));
        assert_eq!(
            backoff("exponential:1000"),
            Ok(Backoff::exponential(SECOND))
        );
        for wrong in ["", "fixed", "fixed:", "linear:1000", "fixed:-1"] {
            assert!(backoff(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_are_a_number_and_a_time_or_none() {
        let limit = RateLimit {
            max: 100,
            window: SECOND,
        };
        assert_eq!(optional_rate_limit("100/1s"), Ok(Limit::Some(limit)));
        assert_eq!(optional_rate_limit("none"), Ok(Limit::None));
        for wrong in ["", "100", "0/1s", "1/0s", "1/1"] {
            assert!(rate_limit(wrong).is_err(), "{wrong}");
        }
        assert!(optional_concurrency("0").is_err());
    }

    #[test]
    fn a_moment_is_a_time_or_a_number() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(moment("17"), Ok(17));
        assert!(moment("soon").is_err());
    }

    #[test]
    fn a_pace_is_the_time_between_two() {
        assert_eq!(pace("10/s"), Ok(SECOND / 10));
        assert_eq!(pace("120/1m"), Ok(SECOND / 2));
        for wrong in ["", "10", "0/s", "1/0s", "s/10"] {
            assert!(pace(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_may_hold_colons() {
        let read = queue_and_id("orders:a:b:c").unwrap();
        assert_eq!(read, ("orders".to_owned(), "a:b:c".to_owned()));
        assert!(queue_and_id("orders").is_err() && queue_and_id(":1").is_err());
    }
}
