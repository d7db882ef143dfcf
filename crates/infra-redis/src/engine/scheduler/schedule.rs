//! When the jobs of a series are due: at an interval, or at the times of a cron pattern.

use std::time::Duration;

use super::cron::Cron;
use crate::engine::clock;
use crate::engine::error::OptionError;
use crate::engine::options::millis;

/// When the jobs of a series are due.
///
/// ```
/// use infra_redis::engine::Schedule;
/// use std::time::Duration;
///
/// let heartbeat = Schedule::every(Duration::from_secs(30))?;
/// let report = Schedule::cron("0 7 * * MON-FRI", Some("Europe/Berlin"))?;
/// assert!(Schedule::cron("0 0 30 2 *", None).is_err());
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schedule(pub(super) Kind);

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Every {
        millis: u64,
        offset: Option<u64>,
    },
    Cron {
        pattern: String,
        zone: Option<String>,
        cron: Box<Cron>,
    },
}

impl Schedule {
    /// At an interval of whole milliseconds; the first job is due at once.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the interval is shorter than a millisecond.
    ///
    /// ```
    /// # use infra_redis::engine::Schedule;
    /// # use std::time::Duration;
    /// assert!(Schedule::every(Duration::from_secs(30)).is_ok());
    /// assert!(Schedule::every(Duration::ZERO).is_err());
    /// ```
    pub fn every(interval: Duration) -> Result<Self, OptionError> {
        Self::at_interval(interval, None)
    }

    /// At an interval, counted from `offset` after the start of 1970, both of whole milliseconds;
    /// the first job is due when that next comes round.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the interval is shorter than a millisecond, or if the offset is not
    /// shorter than the interval.
    ///
    /// ```
    /// # use infra_redis::engine::Schedule;
    /// # use std::time::Duration;
    /// let (hour, five_minutes) = (Duration::from_secs(3600), Duration::from_secs(300));
    /// let five_past = Schedule::every_with_offset(hour, five_minutes)?;
    /// assert_eq!(five_past.next_after(3_600_000), Some(3_900_000));
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn every_with_offset(interval: Duration, offset: Duration) -> Result<Self, OptionError> {
        Self::at_interval(interval, Some(offset))
    }

    fn at_interval(interval: Duration, offset: Option<Duration>) -> Result<Self, OptionError> {
        let (every, offset) = (millis(interval), offset.map(millis));
        if every == 0 {
            return Err(OptionError::new("every", "must be at least a millisecond"));
        }
        if offset.is_some_and(|offset| offset >= every) {
            let reason = "must be shorter than the interval";
            return Err(OptionError::new("offset", reason));
        }
        Ok(Self(Kind::Every {
            millis: every,
            offset,
        }))
    }

    /// At the times of a cron pattern: minute, hour, day of month, month and day of week, with
    /// seconds in front if there are six fields. It may have names, ranges, steps, lists, `?`, `L`
    /// and `#`, or be a nickname such as `@daily`. The clock is that of `time_zone`, such as
    /// `Europe/Berlin`, or UTC.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the pattern can't be read or never comes true, or if there is no such
    /// time zone.
    ///
    /// ```
    /// # use infra_redis::engine::Schedule;
    /// let report = Schedule::cron("30 7 * * MON-FRI", None)?;
    /// let a_thursday = 0; // Unix time begins on one.
    /// assert_eq!(report.next_after(a_thursday), Some((7 * 60 + 30) * 60_000));
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn cron(pattern: &str, time_zone: Option<&str>) -> Result<Self, OptionError> {
        let cron = Cron::parse(pattern, time_zone)?;
        if cron.next_after(clock::now()).is_none() {
            return Err(OptionError::new("pattern", "never comes true"));
        }
        Ok(Self(Kind::Cron {
            pattern: pattern.to_owned(),
            zone: time_zone.map(str::to_owned),
            cron: Box::new(cron),
        }))
    }

    /// At an interval or at the times of a pattern, whichever is given; for callers that pass on
    /// what others chose. The arguments are those of [`every_with_offset`](Self::every_with_offset)
    /// and [`cron`](Self::cron).
    ///
    /// # Errors
    ///
    /// Those of these two; and [`OptionError`] if neither `every` nor `pattern` is given, or both.
    ///
    /// ```
    /// # use infra_redis::engine::Schedule;
    /// let daily = Schedule::from_options(None, None, Some("@daily"), Some("Europe/Berlin"))?;
    /// assert!(Schedule::from_options(None, None, None, None).is_err());
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn from_options(
        every: Option<Duration>,
        offset: Option<Duration>,
        pattern: Option<&str>,
        time_zone: Option<&str>,
    ) -> Result<Self, OptionError> {
        match (every, pattern) {
            (None, None) => Err(OptionError::new(
                "schedule",
                "Either .pattern or .every options must be defined for this repeatable job",
            )),
            (Some(_), Some(_)) => Err(OptionError::new(
                "schedule",
                "Both .pattern and .every options are defined for this repeatable job",
            )),
            (Some(every), None) => Self::at_interval(every, offset),
            (None, Some(pattern)) => Self::cron(pattern, time_zone),
        }
    }

    /// The first time after `unix_millis` at which a job would be due, both in Unix milliseconds;
    /// absent if there is none. For an interval this counts from its offset; a series that has
    /// begun counts from its first job.
    ///
    /// ```
    /// # use infra_redis::engine::Schedule;
    /// # use std::time::Duration;
    /// let schedule = Schedule::every(Duration::from_secs(10))?;
    /// assert_eq!(schedule.next_after(25_000), Some(30_000));
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn next_after(&self, unix_millis: u64) -> Option<u64> {
        match &self.0 {
            Kind::Every { millis, offset } => {
                let offset = offset.unwrap_or(0);
                let rounds = unix_millis
                    .checked_sub(offset)
                    .map_or(Some(0), |past| (past / millis).checked_add(1))?;
                rounds.checked_mul(*millis)?.checked_add(offset)
            }
            Kind::Cron { cron, .. } => cron.next_after(unix_millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_series_is_refused_with_the_option_at_fault() {
        let second = Duration::from_secs(1);
        let error = |schedule: Result<Schedule, OptionError>| schedule.unwrap_err().to_string();
        assert_eq!(
            error(Schedule::every(Duration::from_micros(900))),
            "every: must be at least a millisecond"
        );
        assert_eq!(
            error(Schedule::every_with_offset(second, second)),
            "offset: must be shorter than the interval"
        );
        assert_eq!(
            error(Schedule::cron("0 0 30 2 *", None)),
            "pattern: never comes true"
        );
        assert_eq!(
            error(Schedule::cron("* * * * *", Some("Nowhere/Else"))),
            "time zone: `Nowhere/Else` is not a known time zone"
        );
        assert_eq!(
            error(Schedule::from_options(None, None, None, None)),
            "schedule: Either .pattern or .every options must be defined for this repeatable job"
        );
        assert_eq!(
            error(Schedule::from_options(
                Some(second),
                None,
                Some("* * * * *"),
                None
            )),
            "schedule: Both .pattern and .every options are defined for this repeatable job"
        );
    }

    #[test]
    fn the_next_time_of_an_interval_counts_from_its_offset() {
        let ten = Duration::from_millis(10);
        let schedule = Schedule::every_with_offset(ten, Duration::from_millis(3)).unwrap();
        let next = [0, 2, 3, 4, 13].map(|after| schedule.next_after(after).unwrap());
        assert_eq!(next, [3, 3, 13, 13, 23]);
    }
}
