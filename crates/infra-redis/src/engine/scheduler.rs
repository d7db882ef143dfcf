//! Job schedulers: series of jobs at an interval or at the times of a cron pattern.
//!
//! A scheduler has one job ahead of it. The worker that takes that job adds the next one, so a
//! series goes on only while there are workers, and never piles up.

mod cron;
mod series;
mod wire;

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::clock;
use super::error::{EngineError, OptionError, ScriptError};
use super::options::{JobOptions, millis};
use super::queue::Queue;
use super::reply::Decoder;
use super::scripts;
use cron::Cron;
pub(crate) use series::{produce_next, rearm};
pub use wire::Scheduler;
use wire::{Iteration, Recurrence};

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
pub struct Schedule(Kind);

#[derive(Debug, Clone)]
enum Kind {
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
    pub fn every(interval: Duration) -> Result<Self, OptionError> {
        Self::at_interval(interval, None)
    }

    /// At an interval, counted from `offset` after the start of 1970; the first job is due when
    /// that next comes round.
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
    /// A pattern that never comes true is refused.
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

    /// The first time after `unix_millis` at which a job would be due, in Unix milliseconds. For an
    /// interval this counts from its offset; a series that has begun counts from its first job.
    pub fn next_after(&self, unix_millis: u64) -> Option<u64> {
        match &self.0 {
            Kind::Every { millis, offset } => {
                let offset = offset.unwrap_or(0);
                let rounds = unix_millis
                    .checked_sub(offset)
                    .map_or(0, |past| past / millis + 1);
                rounds.checked_mul(*millis)?.checked_add(offset)
            }
            Kind::Cron { cron, .. } => cron.next_after(unix_millis),
        }
    }
}

/// The bounds of a series. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchedulerOptions {
    /// How many jobs the series has; at least 1. Changing a scheduler begins a new count.
    pub limit: Option<u32>,
    /// The series begins then, in Unix milliseconds: at an interval with a job at that time, with a
    /// pattern with the first time after it.
    pub start: Option<u64>,
    /// No job is added after that time, in Unix milliseconds. A series at an interval may have one
    /// last job that is due after it.
    pub end: Option<u64>,
    /// Whether a series with a pattern has its first job at once. One at an interval has that
    /// anyway.
    pub immediately: bool,
}

impl SchedulerOptions {
    fn check(&self, now: u64) -> Result<(), OptionError> {
        if self.limit == Some(0) {
            return Err(OptionError::new("limit", "must be at least 1"));
        }
        if self.immediately && self.start.is_some() {
            let reason =
                "Both .immediately and .startDate options are defined for this repeatable job";
            return Err(OptionError::new("immediately", reason));
        }
        if self.end.is_some_and(|end| end < now) {
            let reason = "End date must be greater than current timestamp";
            return Err(OptionError::new("end", reason));
        }
        Ok(())
    }
}

/// What the jobs of a series are.
#[derive(Debug, Clone, PartialEq)]
pub struct JobTemplate<T> {
    /// The kind of job.
    pub name: String,
    /// What they work on.
    pub data: T,
    /// What they are added with. An id, a delay and a timestamp are made for each of them, and none
    /// can be a child or stand for another job: these options must not be set.
    pub options: JobOptions,
}

impl<T> JobTemplate<T> {
    fn check(&self) -> Result<(), OptionError> {
        let options = &self.options;
        let not_allowed = [
            ("job id", options.id.is_some()),
            ("delay", !options.delay.is_zero()),
            ("timestamp", options.timestamp.is_some()),
            ("parent", options.parent.is_some()),
            ("deduplication", options.deduplication.is_some()),
        ];
        if let Some((option, _)) = not_allowed.into_iter().find(|(_, is_set)| *is_set) {
            let reason = "can't be chosen for the jobs of a scheduler";
            return Err(OptionError::new(option, reason));
        }
        options.check()
    }
}

/// The job that a scheduler has ahead of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledJob {
    /// `repeat:<scheduler>:<Unix milliseconds>`.
    pub id: String,
    /// How long until it is due.
    pub delay: Duration,
}

impl<T: Serialize> Queue<T> {
    /// Sets a scheduler up, or changes the one with this id, whose job ahead is replaced. One that
    /// keeps its interval keeps the time of that job.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobOptions, JobTemplate, Queue, Schedule, SchedulerOptions};
    /// # async fn example(queue: &Queue<u32>) -> Result<(), EngineError> {
    /// let schedule = Schedule::cron("0 7 * * MON-FRI", Some("Europe/Berlin"))?;
    /// let template = JobTemplate {
    ///     name: "report".to_owned(),
    ///     data: 7,
    ///     options: JobOptions::default(),
    /// };
    /// let bounds = SchedulerOptions::default();
    /// let first = queue.upsert_scheduler("daily", &schedule, &bounds, &template).await?;
    /// println!("{} in {:?}", first.id, first.delay);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn upsert_scheduler(
        &self,
        id: &str,
        schedule: &Schedule,
        options: &SchedulerOptions,
        template: &JobTemplate<T>,
    ) -> Result<ScheduledJob, EngineError> {
        let now = clock::now();
        if id.is_empty() {
            return Err(OptionError::new("scheduler id", "must not be empty").into());
        }
        options.check(now)?;
        template.check()?;
        let data = serde_json::to_string(&template.data).map_err(EngineError::Data)?;
        template.options.check_size(&template.name, data.len())?;

        let recurrence = Recurrence::new(schedule, options);
        let next = match &schedule.0 {
            Kind::Every { .. } => None,
            Kind::Cron { .. } if options.immediately => Some(now),
            Kind::Cron { .. } => {
                let next = recurrence
                    .next_time(now)
                    .filter(|next| !recurrence.is_over(*next));
                Some(next.ok_or_else(|| {
                    OptionError::new("end", "the pattern does not come true before it")
                })?)
            }
        };
        let iteration = Iteration {
            recurrence: &recurrence,
            count: 1,
            options: template.options.to_wire(),
        };
        let text = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
        let mut args = vec![
            id.to_owned(),
            now.to_string(),
            text(next),
            text(recurrence.every()),
            text(options.start),
            text(recurrence.offset()),
            iteration.opts(id, now)?,
            template.name.clone(),
            data.clone(),
            template.options.priority.to_string(),
            if template.options.lifo { "l" } else { "" }.to_owned(),
        ];
        args.extend(recurrence.fields());
        args.extend(["name".to_owned(), template.name.clone()]);
        if let Some(opts) = wire::template_opts(&template.options)? {
            args.extend(["opts".to_owned(), opts]);
        }
        if data != "{}" {
            args.extend(["data".to_owned(), data]);
        }

        let reply = scripts::UPSERT_SCHEDULER.call(&self.connection, &self.keys, args);
        let decoder = Decoder("upsert_scheduler");
        let reply = reply.await?;
        if let Ok(code) = decoder.int(&reply) {
            return Err(ScriptError::from_code(code, id, "addJobScheduler", "delayed").into());
        }
        let [id, delay] = decoder.array::<2>(reply)?;
        Ok(ScheduledJob {
            id: decoder.text(id)?,
            delay: Duration::from_millis(decoder.count(&delay)?),
        })
    }
}

impl<T> Queue<T> {
    /// Ends a series; whether there was one. Its job ahead is removed if it is still delayed, and
    /// worked if it is due.
    pub async fn remove_scheduler(&self, id: &str) -> Result<bool, EngineError> {
        let args = [id.to_owned()];
        let reply = scripts::REMOVE_SCHEDULER.call(&self.connection, &self.keys, args);
        Ok(Decoder("remove_scheduler").int(&reply.await?)? == 0)
    }

    /// The schedulers at these places in the order of their next jobs, the earliest first.
    ///
    /// Repeatable jobs of 5.x are among them if they are stored as schedulers are.
    pub async fn schedulers(&self, range: Range<u64>) -> Result<Vec<Scheduler>, EngineError> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Vec::new());
        };
        self.read_schedulers([range.start.to_string(), last.to_string()])
            .await
    }

    /// The scheduler with this id.
    pub async fn scheduler(&self, id: &str) -> Result<Option<Scheduler>, EngineError> {
        let found = self.read_schedulers([String::new(), id.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    async fn read_schedulers(&self, args: [String; 2]) -> Result<Vec<Scheduler>, EngineError> {
        let decoder = Decoder("schedulers");
        let reply = scripts::SCHEDULERS.call(&self.connection, &self.keys, args);
        let mut schedulers = Vec::new();
        for scheduler in decoder.list(reply.await?)? {
            let [id, next, fields] = decoder.array::<3>(scheduler)?;
            let (id, next) = (decoder.text(id)?, decoder.count(&next)?);
            // The oldest repeatable jobs have nothing but their place in the order.
            schedulers.extend(Scheduler::decode(id, next, decoder.texts(fields)?));
        }
        Ok(schedulers)
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
    fn bounds_that_leave_no_job_are_refused() {
        let error = |options: SchedulerOptions| options.check(1000).unwrap_err().to_string();
        let none = SchedulerOptions::default;
        assert_eq!(
            error(SchedulerOptions {
                limit: Some(0),
                ..none()
            }),
            "limit: must be at least 1"
        );
        assert_eq!(
            error(SchedulerOptions {
                end: Some(999),
                ..none()
            }),
            "end: End date must be greater than current timestamp"
        );
        assert_eq!(
            error(SchedulerOptions {
                start: Some(2000),
                immediately: true,
                ..none()
            }),
            "immediately: Both .immediately and .startDate options are defined for this repeatable job"
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
