//! Looking at a queue's jobs.

use std::collections::HashMap;
use std::ops::Range;

use super::error::{EngineError, ScriptError};
use super::job::Job;
use super::queue::Queue;
use super::reply::{Decoder, Reply};
use super::scripts;
use super::state::{FinishedState, JobState};

/// How many jobs one script call reads at most, so that it never blocks the server for long.
const PAGE: u64 = 100;

/// In which order jobs are listed.
///
/// ```
/// use infra_redis::engine::Order;
///
/// assert_eq!(Order::default(), Order::NewestFirst);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Those first that came to their state last; with delayed and prioritized ones, those that
    /// run last. BullMQ's default.
    #[default]
    NewestFirst,
    /// Those first that came to their state first, or that run first.
    OldestFirst,
}

/// How a job finished, with what is known about it.
///
/// ```
/// use infra_redis::engine::Finished;
///
/// let finished = Finished::Completed("42".to_owned());
/// if let Finished::Completed(json) = finished {
///     assert_eq!(serde_json::from_str::<u32>(&json).ok(), Some(42));
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// What it returned, as JSON.
    Completed(String),
    /// Why it failed for good.
    Failed(String),
}

/// How many jobs finished in one state, as the workers that keep metrics counted them.
///
/// ```
/// use infra_redis::engine::Metrics;
///
/// let metrics = Metrics { points: vec![3, 0, 9], ..Metrics::default() };
/// let a_minute = metrics.points.iter().sum::<u64>() / metrics.points.len() as u64;
/// assert_eq!(a_minute, 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics {
    /// All of them.
    pub count: u64,
    /// When the last minute was closed, in Unix milliseconds.
    pub previous_time: u64,
    /// What the count was then.
    pub previous_count: u64,
    /// How many finished in each of the minutes asked for, newest first.
    pub points: Vec<u64>,
    /// How many minutes there are in all.
    pub total_points: u64,
}

/// How a job's children stand, each by its key.
///
/// ```
/// use infra_redis::engine::Dependencies;
///
/// let children = Dependencies {
///     unprocessed: vec!["bull:pages:1".to_owned()],
///     ..Dependencies::default()
/// };
/// assert!(!children.unprocessed.is_empty(), "the job goes on waiting");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// Completed, with what each returned as JSON.
    pub processed: HashMap<String, String>,
    /// Not finished.
    pub unprocessed: Vec<String>,
    /// Failed without stopping the job, with the reason.
    pub ignored: HashMap<String, String>,
    /// Failed, and so does the job.
    pub failed: Vec<String>,
}

/// How many of a job's children stand how.
///
/// ```
/// use infra_redis::engine::DependencyCounts;
///
/// let counts = DependencyCounts { processed: 3, unprocessed: 1, ..DependencyCounts::default() };
/// let all = counts.processed + counts.unprocessed + counts.ignored + counts.failed;
/// assert_eq!(counts.processed * 100 / all, 75);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DependencyCounts {
    /// Completed.
    pub processed: u64,
    /// Not finished.
    pub unprocessed: u64,
    /// Failed without stopping the job.
    pub ignored: u64,
    /// Failed, and so does the job.
    pub failed: u64,
}

impl<T> Queue<T> {
    /// Which state a job is in; absent if there is no such job, or if it is in none.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobState, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if queue.state("17").await? == Some(JobState::Delayed) {
    ///     queue.promote("17").await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn state(&self, id: &str) -> Result<Option<JobState>, EngineError> {
        let decoder = Decoder("state");
        let args = [id.to_owned()];
        let reply = scripts::STATE.call(&self.connection, &self.keys, args);
        let word = decoder.optional_text(reply.await?)?;
        word.map(|word| {
            word.parse()
                .map_err(|_| decoder.unexpected("the name of a state"))
        })
        .transpose()
    }

    /// The jobs of some states, one state after the other, of each those at the places in `range`:
    /// `0..20` is the first twenty of each.
    ///
    /// A hundred are read in one step. A job that moves between two steps may be listed twice or
    /// not at all; an id whose job is gone is left out.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, JobState, Order, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let failed = queue.jobs(&[JobState::Failed], 0..10, Order::NewestFirst).await?;
    /// for job in failed {
    ///     tracing::info!("{}: {:?}", job.id, job.failed_reason);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn jobs(
        &self,
        states: &[JobState],
        range: Range<u64>,
        order: Order,
    ) -> Result<Vec<Job>, EngineError> {
        let mut jobs = Vec::new();
        for state in states {
            let mut skip = range.start;
            while skip < range.end {
                let wanted = PAGE.min(range.end - skip);
                let found = self.page(*state, skip, wanted, order, &mut jobs).await?;
                if found < wanted {
                    break;
                }
                skip += wanted;
            }
        }
        Ok(jobs)
    }

    /// Appends one page of jobs; how many ids there were.
    async fn page(
        &self,
        state: JobState,
        skip: u64,
        wanted: u64,
        order: Order,
        jobs: &mut Vec<Job>,
    ) -> Result<u64, EngineError> {
        let decoder = Decoder("jobs_page");
        let mut args = vec![
            u8::from(order == Order::OldestFirst).to_string(),
            skip.to_string(),
            wanted.to_string(),
        ];
        args.extend(state.places().iter().map(|place| place.as_str().to_owned()));
        let script = &scripts::JOBS_PAGE;
        let reply = script.call(&self.connection, &self.keys, args).await?;
        let [found, page] = decoder.array::<2>(reply)?;
        for job in decoder.list(page)? {
            let [id, fields] = decoder.array::<2>(job)?;
            jobs.extend(Job::from_fields(&decoder.text(id)?, fields)?);
        }
        decoder.count(&found)
    }

    /// How many jobs are ready at each of these priorities, in their order, at one moment. 0 is
    /// that of jobs without one.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let counts = queue.counts_per_priority(&[0, 1, 2]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn counts_per_priority(&self, priorities: &[u32]) -> Result<Vec<u64>, EngineError> {
        let decoder = Decoder("counts_per_priority");
        let args = priorities.iter().map(ToString::to_string);
        let script = &scripts::COUNTS_PER_PRIORITY;
        let reply = script.call(&self.connection, &self.keys, args).await?;
        let counts = decoder.list(reply)?;
        counts.iter().map(|count| decoder.count(count)).collect()
    }

    /// How a job finished; absent if it has not.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing). Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Finished, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// match queue.is_finished("17").await? {
    ///     None => tracing::info!("not yet"),
    ///     Some(Finished::Completed(json)) => tracing::info!("returned {json}"),
    ///     Some(Finished::Failed(reason)) => tracing::info!("failed: {reason}"),
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn is_finished(&self, id: &str) -> Result<Option<Finished>, EngineError> {
        let decoder = Decoder("is_finished");
        let args = [id.to_owned()];
        let reply = scripts::IS_FINISHED.call(&self.connection, &self.keys, args);
        let mut parts = decoder.list(reply.await?)?.into_iter();
        let code = parts.next().unwrap_or(Reply::Nil);
        let value = decoder.optional_text(parts.next().unwrap_or(Reply::Nil))?;
        match decoder.int(&code)? {
            0 => Ok(None),
            1 => Ok(Some(Finished::Completed(
                value.unwrap_or_else(|| "null".to_owned()),
            ))),
            2 => Ok(Some(Finished::Failed(value.unwrap_or_default()))),
            code => Err(ScriptError::from_code(code, id, "isFinished", "completed").into()),
        }
    }

    /// How many jobs finished in a state, and in each of the minutes in `range`, 0 being the newest
    /// that is over. Counted only while workers keep metrics.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, FinishedState, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let last_hour = queue.metrics(FinishedState::Completed, 0..60).await?;
    /// let completed: u64 = last_hour.points.iter().sum();
    /// # Ok(()) }
    /// ```
    pub async fn metrics(
        &self,
        state: FinishedState,
        range: Range<u64>,
    ) -> Result<Metrics, EngineError> {
        let decoder = Decoder("metrics");
        // An empty range ends before it starts, which Valkey understands; `-1` would be the oldest.
        let (first, last) = if range.is_empty() {
            (1, 0)
        } else {
            (range.start, range.end - 1)
        };
        let last = i64::try_from(last).unwrap_or(-1);
        let args = [
            state.as_str().to_owned(),
            first.to_string(),
            last.to_string(),
        ];
        let reply = scripts::METRICS.call(&self.connection, &self.keys, args);
        let [count, previous_time, previous_count, points, total] =
            decoder.array::<5>(reply.await?)?;
        let points = decoder.list(points)?;
        Ok(Metrics {
            count: decoder.count(&count)?,
            previous_time: decoder.count(&previous_time)?,
            previous_count: decoder.count(&previous_count)?,
            points: points
                .iter()
                .map(|point| decoder.count(point))
                .collect::<Result<_, _>>()?,
            total_points: decoder.count(&total)?,
        })
    }

    /// What a job's completed children returned, as JSON by the key of each.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for (child, json) in queue.children_values("17").await? {
    ///     tracing::info!("{child} returned {json}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn children_values(&self, id: &str) -> Result<HashMap<String, String>, EngineError> {
        let fields = self.keys.job_processed(id);
        let fields = self.connection.command("HGETALL", vec![fields]).await?;
        pairs(Decoder("HGETALL"), fields)
    }

    /// Why those of a job's children failed whose failure does not stop it, by the key of each.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for (child, reason) in queue.ignored_failures("17").await? {
    ///     tracing::info!("{child} failed: {reason}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn ignored_failures(&self, id: &str) -> Result<HashMap<String, String>, EngineError> {
        let fields = self.keys.job_failed(id);
        let fields = self.connection.command("HGETALL", vec![fields]).await?;
        pairs(Decoder("HGETALL"), fields)
    }

    /// How a job's children stand, at one moment. All of them are read in one step.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for child in queue.dependencies("17").await?.failed {
    ///     tracing::info!("{child} holds its parent up");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn dependencies(&self, id: &str) -> Result<Dependencies, EngineError> {
        let decoder = Decoder("dependencies");
        let args = [id.to_owned()];
        let reply = scripts::DEPENDENCIES.call(&self.connection, &self.keys, args);
        let [processed, unprocessed, ignored, failed] = decoder.array::<4>(reply.await?)?;
        Ok(Dependencies {
            processed: pairs(decoder, processed)?,
            unprocessed: decoder.texts(unprocessed)?,
            ignored: pairs(decoder, ignored)?,
            failed: decoder.texts(failed)?,
        })
    }

    /// How many of a job's children stand how, at one moment.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let counts = queue.dependency_counts("17").await?;
    /// tracing::info!("waits for {} children", counts.unprocessed);
    /// # Ok(()) }
    /// ```
    pub async fn dependency_counts(&self, id: &str) -> Result<DependencyCounts, EngineError> {
        let decoder = Decoder("dependency_counts");
        let args = [id.to_owned()];
        let reply = scripts::DEPENDENCY_COUNTS.call(&self.connection, &self.keys, args);
        let [processed, unprocessed, ignored, failed] = decoder.array::<4>(reply.await?)?;
        Ok(DependencyCounts {
            processed: decoder.count(&processed)?,
            unprocessed: decoder.count(&unprocessed)?,
            ignored: decoder.count(&ignored)?,
            failed: decoder.count(&failed)?,
        })
    }
}

/// Fields and their values.
fn pairs(decoder: Decoder, reply: Reply) -> Result<HashMap<String, String>, EngineError> {
    let texts = decoder.texts(reply)?;
    let mut texts = texts.into_iter();
    let mut pairs = HashMap::new();
    while let (Some(field), Some(value)) = (texts.next(), texts.next()) {
        pairs.insert(field, value);
    }
    Ok(pairs)
}
