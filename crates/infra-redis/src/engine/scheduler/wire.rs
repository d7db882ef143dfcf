//! A scheduler as it stands in Valkey, and in the options of its jobs.

use std::collections::HashMap;

use chrono::DateTime;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::SchedulerOptions;
use super::cron::Cron;
use super::schedule::{Kind, Schedule};
use crate::engine::error::{EngineError, OptionError};
use crate::engine::number;
use crate::engine::options::{JobOptions, WireOptions};

/// The options of a template that every job gets a value of its own for.
const OWN_OPTIONS: [&str; 5] = ["jobId", "delay", "timestamp", "prevMillis", "repeatJobKey"];

/// A job scheduler, as it stands in Valkey.
///
/// ```
/// use infra_redis::engine::Scheduler;
///
/// /// What a person reads about when its jobs come.
/// fn recurrence(scheduler: &Scheduler) -> String {
///     match (&scheduler.pattern, scheduler.every) {
///         (Some(pattern), _) => pattern.clone(),
///         (None, Some(millis)) => format!("every {millis} ms"),
///         (None, None) => "never".to_owned(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scheduler {
    /// Identifies the scheduler within its queue.
    pub id: String,
    /// The kind of job it makes.
    pub name: String,
    /// The cron pattern, if it has one.
    pub pattern: Option<String>,
    /// The interval in milliseconds, if it has one.
    pub every: Option<u64>,
    /// The time zone of the pattern; UTC if absent.
    pub time_zone: Option<String>,
    /// How many jobs the series has; any number if absent.
    pub limit: Option<u64>,
    /// When the series begins, in Unix milliseconds; at once if absent.
    pub start: Option<u64>,
    /// When the series ends, in Unix milliseconds; never if absent.
    pub end: Option<u64>,
    /// How far its jobs are after whole intervals, in milliseconds; absent with a pattern.
    pub offset: Option<u64>,
    /// How many jobs it has made; absent for repeatable jobs of 5.x.
    pub iterations: Option<u64>,
    /// When its job ahead is due, in Unix milliseconds. In the past if the series has ended.
    pub next: u64,
    /// What its jobs work on, as JSON; `{}` if absent.
    pub data: Option<String>,
    /// What its jobs are added with, as JSON under BullMQ's short names; the defaults if absent.
    pub options: Option<String>,
}

impl Scheduler {
    /// Decodes the fields of a scheduler, flat; absent if there are none.
    pub(super) fn decode(id: String, next: u64, fields: Vec<String>) -> Option<Self> {
        let mut texts: HashMap<_, _> = pairs(fields).collect();
        let mut number = |name| texts.remove(name).as_deref().and_then(parse_time);
        let (every, limit) = (number("every"), number("limit"));
        let (start, end) = (number("startDate"), number("endDate"));
        let (offset, iterations) = (number("offset"), number("ic"));
        if texts.is_empty() {
            return None;
        }
        Some(Self {
            name: texts.remove("name").unwrap_or_else(|| id.clone()),
            pattern: texts.remove("pattern"),
            every,
            time_zone: texts.remove("tz"),
            limit,
            start,
            end,
            offset,
            iterations,
            next,
            data: texts.remove("data"),
            options: texts.remove("opts"),
            id,
        })
    }
}

/// How a series recurs: the option `repeat` of its jobs, without their count.
#[derive(Debug, Clone)]
pub(super) struct Recurrence(Map<String, Value>);

impl Recurrence {
    pub(super) fn new(schedule: &Schedule, options: &SchedulerOptions) -> Self {
        let mut repeat = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                repeat.insert(name.to_owned(), value);
            }
        };
        match &schedule.0 {
            Kind::Every { millis, offset } => {
                set("every", Some(json!(millis)));
                set("offset", offset.map(Value::from));
            }
            Kind::Cron { pattern, zone, .. } => {
                set("pattern", Some(json!(pattern)));
                set("tz", zone.clone().map(Value::from));
            }
        }
        set("limit", options.limit.map(Value::from));
        set("startDate", options.start.map(Value::from));
        set("endDate", options.end.map(Value::from));
        Self(repeat)
    }

    /// What the job of an earlier iteration has; absent if it doesn't say when to recur.
    pub(super) fn of_job(options: &WireOptions) -> Option<Self> {
        let repeat = options.others.get("repeat")?.as_object()?.clone();
        Some(Self(repeat)).filter(Self::recurs)
    }

    /// What a scheduler's fields say; absent if they don't say when to recur.
    pub(super) fn of_scheduler(scheduler: &Scheduler) -> Option<Self> {
        let mut repeat = Map::new();
        let numbers = [
            ("every", scheduler.every),
            ("limit", scheduler.limit),
            ("startDate", scheduler.start),
            ("endDate", scheduler.end),
            // The offset in a job is the one that was chosen; the scheduler's may be computed, and
            // is what counts.
        ];
        let texts = [
            ("pattern", &scheduler.pattern),
            ("tz", &scheduler.time_zone),
        ];
        let numbers = numbers
            .into_iter()
            .filter_map(|(name, number)| Some((name, Value::from(number?))));
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, Value::from(text.clone()?))));
        repeat.extend(
            numbers
                .chain(texts)
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Some(Self(repeat)).filter(Self::recurs)
    }

    fn recurs(&self) -> bool {
        self.every().is_some() || self.pattern().is_some()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<u64> {
        number(self.0.get(name)?)
    }

    pub(super) fn pattern(&self) -> Option<&str> {
        self.text("pattern").filter(|pattern| !pattern.is_empty())
    }

    pub(super) fn every(&self) -> Option<u64> {
        self.number("every").filter(|every| *every > 0)
    }

    pub(super) fn offset(&self) -> Option<u64> {
        self.number("offset")
    }

    pub(super) fn count(&self) -> Option<u64> {
        self.number("count")
    }

    pub(super) fn is_exhausted_by(&self, count: u64) -> bool {
        self.number("limit").is_some_and(|limit| count > limit)
    }

    /// Whether the series has ended by that time.
    pub(super) fn is_over(&self, millis: u64) -> bool {
        self.number("endDate").is_some_and(|end| millis > end)
    }

    /// The pattern's first time after `millis` and after the start.
    pub(super) fn next_time(&self, millis: u64) -> Option<u64> {
        self.cron().ok()??.next_after(self.not_before_start(millis))
    }

    pub(super) fn not_before_start(&self, millis: u64) -> u64 {
        millis.max(self.number("startDate").unwrap_or(0))
    }

    /// The pattern, if it is what counts.
    pub(super) fn cron(&self) -> Result<Option<Cron>, OptionError> {
        match self.pattern() {
            Some(pattern) if self.every().is_none() => {
                let zone = self.text("tz").filter(|zone| !zone.is_empty());
                Cron::parse(pattern, zone).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Field and value of what is stored in the scheduler; the offset is computed there.
    pub(super) fn fields(&self) -> Vec<String> {
        let stored = self.0.iter().filter(|(name, _)| *name != "offset");
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        stored
            .flat_map(|(name, value)| [name.clone(), text(value)])
            .collect()
    }
}

/// The job of one iteration.
#[derive(Debug)]
pub(super) struct Iteration<'a> {
    pub(super) recurrence: &'a Recurrence,
    /// Which one it is, from 1.
    pub(super) count: u64,
    pub(super) options: WireOptions,
}

impl Iteration<'_> {
    /// The job's options as JSON, up to the time at the end of its id: only the script that adds it
    /// knows when it is due.
    pub(super) fn opts(self, scheduler: &str, now: u64) -> Result<String, EngineError> {
        let mut repeat = self.recurrence.0.clone();
        // Node's producers may leave it as null.
        repeat.retain(|_, value| !value.is_null());
        repeat.insert("count".to_owned(), self.count.into());
        let mut options = self.options;
        options.job_id = None;
        options.delay = None;
        options.timestamp = Some(now);
        options.others.remove("prevMillis");
        options.others.insert("repeat".to_owned(), repeat.into());
        options
            .others
            .insert("repeatJobKey".to_owned(), scheduler.into());
        let mut opts = serde_json::to_string(&options).map_err(EngineError::Data)?;
        let id =
            serde_json::to_string(&format!("repeat:{scheduler}:")).map_err(EngineError::Data)?;
        // The brace that ends the object, and the quote that ends the id, are the script's.
        opts.pop();
        opts.push_str(",\"jobId\":");
        opts.push_str(&id[..id.len() - 1]);
        Ok(opts)
    }
}

/// The options of a template as JSON; absent if they are the defaults.
pub(super) fn template_opts(options: &JobOptions) -> Result<Option<String>, EngineError> {
    let wire = serde_json::to_value(options.to_wire()).map_err(EngineError::Data)?;
    let Value::Object(mut wire) = wire else {
        return Ok(None);
    };
    if options.attempts == 0 {
        wire.remove("attempts");
    }
    Ok((!wire.is_empty()).then(|| Value::Object(wire).to_string()))
}

/// The options of a scheduler's template, for another job of it.
pub(super) fn parse_template(opts: Option<&str>) -> Result<WireOptions, serde_json::Error> {
    let mut options: Map<String, Value> = serde_json::from_str(opts.unwrap_or("{}"))?;
    options.retain(|name, _| !OWN_OPTIONS.contains(&name.as_str()));
    // Node stores in the template what it was given, and spells it out in the jobs.
    if let Some(backoff) = options.get_mut("backoff")
        && backoff.is_number()
    {
        *backoff = json!({"type": "fixed", "delay": backoff});
    }
    serde_json::from_value(Value::Object(options))
}

pub(super) fn pairs(flat: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(move || Some((flat.next()?, flat.next()?)))
}

/// A number or a time, which other clients also write as a text.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => parse_time(text),
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_f64().map(number::whole)),
        _ => None,
    }
}

fn parse_time(text: &str) -> Option<u64> {
    if let Some(number) = number::parse(text) {
        return Some(number);
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(time.timestamp_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> WireOptions {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_job_is_given_what_the_one_before_had_and_times_of_its_own() {
        let options = options(
            r#"{"attempts":2,"kl":5,"custom":[],"jobId":"repeat:a:1","delay":7,"timestamp":1,
                "prevMillis":1,"repeatJobKey":"a",
                "repeat":{"every":5,"offset":null,"count":3,"endDate":"2026-11-24T08:12:44.676Z"}}"#,
        );
        let recurrence = Recurrence::of_job(&options).unwrap();
        assert_eq!((recurrence.every(), recurrence.count()), (Some(5), Some(3)));
        assert!(recurrence.is_over(1_795_507_964_677));
        assert!(!recurrence.is_over(1_795_507_964_676));
        let next = Iteration {
            recurrence: &recurrence,
            count: 4,
            options,
        };
        let opts = next.opts(r#"a"b"#, 9).unwrap();
        assert!(opts.ends_with(r#","jobId":"repeat:a\"b:"#), "{opts}");
        let opts: Value = serde_json::from_str(&(opts + r#"10","delay":1}"#)).unwrap();
        let expected = json!({
            "attempts": 2, "kl": 5, "custom": [], "jobId": "repeat:a\"b:10", "delay": 1,
            "timestamp": 9, "repeatJobKey": "a\"b",
            "repeat": {"every": 5, "count": 4, "endDate": "2026-11-24T08:12:44.676Z"},
        });
        assert_eq!(opts, expected);
    }

    #[test]
    fn a_template_is_read_as_its_jobs_are() {
        let template = parse_template(Some(r#"{"backoff":50,"timestamp":5,"delay":77}"#)).unwrap();
        let expected = options(r#"{"backoff":{"type":"fixed","delay":50}}"#);
        assert_eq!(template, expected);
        assert_eq!(parse_template(None).unwrap(), WireOptions::default());
        assert!(parse_template(Some("{")).is_err());
    }

    #[test]
    fn default_options_are_not_stored() {
        assert_eq!(template_opts(&JobOptions::default()).unwrap(), None);
        let options = JobOptions {
            priority: 2,
            ..JobOptions::default()
        };
        let opts = template_opts(&options).unwrap();
        assert_eq!(opts.as_deref(), Some(r#"{"priority":2}"#));
    }
}
