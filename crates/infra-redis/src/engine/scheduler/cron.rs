//! When a cron pattern fires, as the parser of BullMQ's Node client has it.
//!
//! The pattern is searched on the zone's wall clock by `croner`; what it means on a day when the
//! clocks change is decided here, because there the two parsers differ. A pattern for certain hours
//! fires once at each of them: an hour that is skipped counts as the one after it, an hour that
//! comes twice as its first. A pattern for every hour follows the time that passes.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use crate::engine::error::OptionError;

/// How often a search may begin anew because of a change of the clocks.
const MAX_CHANGES: usize = 16;

const NAMES: [&str; 19] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "SUN",
    "MON", "TUE", "WED", "THU", "FRI", "SAT",
];

/// What stands for a pattern by its name.
const NICKNAMES: [(&str, &str); 10] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"),
    ("@hourly", "0 0 * * * *"),
    ("@minutely", "0 * * * * *"),
    ("@secondly", "* * * * * *"),
    ("@weekdays", "0 0 0 * * 1-5"),
    ("@weekends", "0 0 0 * * 0,6"),
];

/// A pattern that can be searched, in a time zone.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    pattern: croner::Cron,
    is_every_hour: bool,
    zone: Tz,
}

impl Cron {
    /// Reads a pattern of 5 fields, or of 6 with seconds in front; in UTC if no zone is named.
    pub(super) fn parse(pattern: &str, zone: Option<&str>) -> Result<Self, OptionError> {
        let error = |reason: String| OptionError::new("pattern", reason);
        let zone = match zone {
            None => Tz::UTC,
            Some(name) => name.parse().map_err(|_| {
                OptionError::new("time zone", format!("`{name}` is not a known time zone"))
            })?,
        };
        let nickname = NICKNAMES.iter().find(|(name, _)| *name == pattern.trim());
        let fields: Vec<_> = nickname
            .map_or(pattern, |(_, pattern)| pattern)
            .split_whitespace()
            .map(|field| field.replace('?', "*"))
            .collect();
        if !(5..=6).contains(&fields.len()) {
            return Err(error(format!(
                "expected 5 or 6 fields, found {}",
                fields.len()
            )));
        }
        for field in &fields {
            check(field).map_err(error)?;
        }
        let weekdays = &fields[fields.len() - 1];
        if weekdays.contains('#') && weekdays.contains(',') {
            return Err(error(format!("`{weekdays}` can't be a list with `#`")));
        }
        let hours = fields[fields.len() - 4].as_str();
        let is_every_hour = ["*", "*/1", "0-23", "0-23/1"].contains(&hours);
        let parsed = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            // `5/15` for `5-59/15`.
            .sloppy_ranges(true)
            .build()
            .parse(&fields.join(" "))
            .map_err(|cause| error(cause.to_string()))?;
        Ok(Self {
            pattern: parsed,
            is_every_hour,
            zone,
        })
    }

    /// The first time after `millis`, both in Unix milliseconds; absent if there is none.
    pub(super) fn next_after(&self, millis: u64) -> Option<u64> {
        let after = DateTime::from_timestamp_millis(i64::try_from(millis).ok()?)?;
        let next = if self.is_every_hour {
            self.next_by_elapsed_time(after)
        } else {
            self.next_by_wall_clock(after)
        };
        u64::try_from(next?.timestamp_millis()).ok()
    }

    fn next_by_wall_clock(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut wall = after
            .naive_utc()
            .checked_add_signed(self.offset_at(after))?;
        loop {
            wall = self.search(wall, false)?;
            let times = self.zone.from_local_datetime(&wall);
            let time = match (times.earliest(), times.latest()) {
                (Some(first), _) if first > after => first.to_utc(),
                (_, Some(second)) => second.to_utc(),
                // A day that begins with a skipped hour has nothing in its place.
                _ if wall.hour() == 0 => continue,
                _ => wall.and_utc() - self.offset_at(wall.and_utc() - TimeDelta::days(1)),
            };
            if time > after {
                return Some(time);
            }
        }
    }

    fn next_by_elapsed_time(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut is_included) = (after, false);
        for _ in 0..MAX_CHANGES {
            let offset = self.offset_at(from);
            let wall = from.naive_utc().checked_add_signed(offset)?;
            let wall = self.search(wall, is_included)?;
            let time = wall.and_utc() - offset;
            if self.offset_at(time) == offset {
                return Some(time);
            }
            // The clocks change before that, by some hours at most: there is nothing to be found
            // until the day before.
            let day_before = time - TimeDelta::days(1);
            from = if day_before > from {
                day_before
            } else {
                self.change_between(from, time)
            };
            is_included = true;
        }
        None
    }

    fn search(&self, from: NaiveDateTime, is_included: bool) -> Option<NaiveDateTime> {
        self.pattern.find_next_occurrence(&from, is_included).ok()
    }

    fn offset_at(&self, time: DateTime<Utc>) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&time.naive_utc());
        TimeDelta::seconds(offset.fix().local_minus_utc().into())
    }

    /// When the clocks change between two times with different offsets.
    fn change_between(&self, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
        let offset = self.offset_at(before);
        let (mut low, mut high) = (before.timestamp(), after.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let time = DateTime::from_timestamp(middle, 0).unwrap_or(after);
            if self.offset_at(time) == offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        DateTime::from_timestamp(high, 0).unwrap_or(after)
    }
}

/// Whether a field has only what both parsers know: a pattern of which one client makes nothing
/// would end the series there.
fn check(field: &str) -> Result<(), String> {
    let is_sign = |sign: char| "*,-/#".contains(sign) || sign.is_ascii_digit();
    let is_known = |letters: &str| {
        let name = letters.strip_suffix('L').unwrap_or(letters);
        letters.is_empty() || letters == "L" || NAMES.contains(&name.to_ascii_uppercase().as_str())
    };
    if let Some(unknown) = field.split(is_sign).find(|letters| !is_known(letters)) {
        return Err(format!("`{unknown}` in `{field}` is not known"));
    }
    let is_incomplete = |item: &str| item.is_empty() || item.starts_with('/');
    if field.split(',').any(is_incomplete) {
        return Err(format!("an item of `{field}` is incomplete"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(time: &str) -> u64 {
        let time = DateTime::parse_from_rfc3339(time).unwrap();
        u64::try_from(time.timestamp_millis()).unwrap()
    }

    #[test]
    fn patterns_come_true_when_cron_parser_says_so() {
        let table = include_str!("../../../tests/cron_table.txt");
        let rows = table
            .lines()
            .filter(|row| !row.is_empty() && !row.starts_with("# "));
        for row in rows {
            let columns: Vec<_> = row.split(" ; ").collect();
            let [pattern, zone, after, times] = columns[..] else {
                panic!("not four columns: {row}")
            };
            let cron = Cron::parse(pattern, Some(zone)).unwrap();
            let mut after = millis(after);
            for time in times.split(", ") {
                let next = cron.next_after(after);
                assert_eq!(next, Some(millis(time)), "{row}");
                after = millis(time);
            }
        }
    }

    #[test]
    fn what_another_client_would_not_read_is_refused() {
        let error = |pattern| Cron::parse(pattern, None).unwrap_err().to_string();
        assert_eq!(error("* * * *"), "pattern: expected 5 or 6 fields, found 4");
        assert_eq!(
            error("0 0 1 1 * * 2027"),
            "pattern: expected 5 or 6 fields, found 7"
        );
        assert_eq!(error("H * * * *"), "pattern: `H` in `H` is not known");
        assert_eq!(error("0 0 15W * *"), "pattern: `W` in `15W` is not known");
        assert_eq!(error("0 0 l * *"), "pattern: `l` in `l` is not known");
        assert_eq!(error("0 0 1 * +1"), "pattern: `+` in `+1` is not known");
        assert_eq!(
            error("1, * * * *"),
            "pattern: an item of `1,` is incomplete"
        );
        assert_eq!(
            error("/10 * * * *"),
            "pattern: an item of `/10` is incomplete"
        );
        assert_eq!(
            error("0 0 * * 1#1,3#2"),
            "pattern: `1#1,3#2` can't be a list with `#`"
        );
        for pattern in [
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "* * * 13 *",
            "*/0 * * * *",
        ] {
            assert!(Cron::parse(pattern, None).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_never_comes_true_has_no_next_time() {
        for pattern in ["0 0 30 2 *", "0 0 31 4,6 *", "* * 31 11 *"] {
            let cron = Cron::parse(pattern, Some("Europe/Berlin")).unwrap();
            assert_eq!(cron.next_after(1_795_507_964_676), None, "{pattern}");
        }
    }
}
