//! Job schedulers: series of jobs at an interval or at the times of a cron pattern.
//!
//! A scheduler has one job ahead of it. The worker that takes that job adds the next one, so a
//! series goes on only while there are workers, and never piles up.

mod cron;
mod schedule;
mod series;
#[cfg(any(test, fuzzing))]
pub(in crate::engine) mod untrusted;
mod wire;

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::clock;
use super::error::{EngineError, OptionError, ScriptError};
use super::options::JobOptions;
use super::queue::Queue;
use super::reply::Decoder;
use super::scripts;
use schedule::Kind;
pub use schedule::Schedule;
pub(crate) use series::{produce_next, rearm};
pub use wire::Scheduler;
use wire::{Iteration, Recurrence};

/// The bounds of a series. The default has none.
///
/// ```
/// use infra_redis::engine::SchedulerOptions;
///
/// let a_week = SchedulerOptions { limit: Some(7), ..SchedulerOptions::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchedulerOptions {
    /// How many jobs the series has; at least 1, and any number if absent. Changing a scheduler
    /// begins a new count.
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
///
/// ```
/// use infra_redis::engine::{JobOptions, JobTemplate};
///
/// let report = JobTemplate {
///     name: "report".to_owned(),
///     data: 7,
///     options: JobOptions { attempts: 3, ..JobOptions::default() },
/// };
/// ```
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
///
/// ```
/// use infra_redis::engine::ScheduledJob;
/// use std::time::Duration;
///
/// let next = ScheduledJob {
///     id: "repeat:daily:1795507964676".to_owned(),
///     delay: Duration::from_secs(90),
/// };
/// assert!(next.id.starts_with("repeat:daily:"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledJob {
    /// `repeat:<scheduler>:<Unix milliseconds>`.
    pub id: String,
    /// How long until it is due, in whole milliseconds; 0 if it is.
    pub delay: Duration,
}

impl<T: Serialize> Queue<T> {
    /// Sets a scheduler up, or changes the one with this id, whose job ahead is replaced. One that
    /// keeps its interval keeps the time of that job.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the id is empty, if the bounds leave no job or contradict each other,
    /// or if the template has options that a series can't have; [`EngineError::Data`] if its data has
    /// no JSON form. [`ScriptError::SchedulerIdCollision`] or [`ScriptError::SchedulerSlotsBusy`] if
    /// jobs have the ids of the next ones. Besides, those of every call, see
    /// [`EngineError`](crate::engine::EngineError).
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
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let was_there = queue.remove_scheduler("daily").await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_scheduler(&self, id: &str) -> Result<bool, EngineError> {
        let args = [id.to_owned()];
        let reply = scripts::REMOVE_SCHEDULER.call(&self.connection, &self.keys, args);
        Ok(Decoder("remove_scheduler").int(&reply.await?)? == 0)
    }

    /// The schedulers at these places in the order of their next jobs, the earliest first.
    ///
    /// Repeatable jobs of 5.x are among them if they are stored as schedulers are.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for scheduler in queue.schedulers(0..100).await? {
    ///     tracing::info!("{} is due next at {}", scheduler.id, scheduler.next);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn schedulers(&self, range: Range<u64>) -> Result<Vec<Scheduler>, EngineError> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Vec::new());
        };
        self.read_schedulers([range.start.to_string(), last.to_string()])
            .await
    }

    /// The scheduler with this id; absent if there is none.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if let Some(daily) = queue.scheduler("daily").await? {
    ///     tracing::info!("it has made {:?} jobs", daily.iterations);
    /// }
    /// # Ok(()) }
    /// ```
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
}
