//! What a job may be added with.

mod wire;

use std::time::Duration;

use serde_json::{Map, Value};

pub(crate) use wire::{KeepLimits, StoredBackoff, WireOptions, WorkOptions};
use wire::{WireDeduplication, WireKeep, WireParent};

use super::backoff::Backoff;
use super::error::OptionError;
use super::keys::{QueueId, is_reserved};

/// The highest priority number; higher ones would make scores inexact.
const MAX_PRIORITY: u32 = 2_097_151;

/// A job's id of one's own: adding a job whose id is in use adds nothing.
///
/// ```
/// use infra_redis::engine::{JobId, JobOptions};
///
/// let once = JobOptions { id: Some(JobId::parse("invoice-2026-11")?), ..JobOptions::default() };
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobId(String);

impl JobId {
    /// Reads an id, which must keep BullMQ's rules: not a whole number, no `:` (unless exactly
    /// two), not `0` and not starting with `0:`; nor may it be the name of one of the queue's keys.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the id breaks one of these rules.
    ///
    /// ```
    /// # use infra_redis::engine::JobId;
    /// assert!(JobId::parse("tenant:invoice:17").is_ok());
    /// for refused in ["", "0", "17", "invoice:17", "wait"] {
    ///     assert!(JobId::parse(refused).is_err());
    /// }
    /// ```
    pub fn parse(id: &str) -> Result<Self, OptionError> {
        let error = |reason: &str| Err(OptionError::new("job id", reason));
        if id.is_empty() {
            return error("must not be empty");
        }
        if id == "0" || id.starts_with("0:") {
            return error("JobId cannot be '0' or start with '0:'");
        }
        let is_canonical = id
            .parse::<i64>()
            .is_ok_and(|number| number.to_string() == id);
        if is_canonical {
            return error("Custom Id cannot be integers");
        }
        if id.contains(':') && id.split(':').count() != 3 {
            return error("Custom Id cannot contain :");
        }
        if is_reserved(id) {
            return error("is the name of one of the queue's own keys");
        }
        Ok(Self(id.to_owned()))
    }

    /// The id.
    ///
    /// ```
    /// # use infra_redis::engine::JobId;
    /// assert_eq!(JobId::parse("invoice-17")?.as_str(), "invoice-17");
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which jobs of a queue that finished in the same way are kept, looked at as a job finishes.
///
/// ```
/// use infra_redis::engine::{JobOptions, Keep};
/// use std::time::Duration;
///
/// let options = JobOptions {
///     keep_completed: Some(Keep::Newest(100)),
///     keep_failed: Some(Keep::Young {
///         age: Duration::from_secs(7 * 24 * 60 * 60),
///         count: Some(1000),
///         limit: None,
///     }),
///     ..JobOptions::default()
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All of them.
    #[default]
    All,
    /// None: a job is removed as it finishes.
    None,
    /// The newest ones, at most so many; 0 is the same as `None`.
    Newest(u32),
    /// Those younger than `age`, and of them the newest `count` if given. At most `limit` old ones
    /// are removed as a job finishes.
    Young {
        /// In whole seconds.
        age: Duration,
        /// At most so many; any number if absent.
        count: Option<u32>,
        /// How many are removed for their age at once; 1000 if absent.
        limit: Option<u32>,
    },
}

/// The job that a job is a child of.
///
/// ```
/// use infra_redis::engine::{JobOptions, ParentJob, QueueId};
///
/// let parent = ParentJob { queue: QueueId::parse("bull", "books")?, id: "17".to_owned() };
/// let options = JobOptions { parent: Some(parent), ..JobOptions::default() };
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentJob {
    /// The parent's queue. In a cluster it must share a slot with the child's.
    pub queue: QueueId,
    /// The parent's id.
    pub id: String,
}

impl ParentJob {
    /// The name of the parent's key.
    pub(crate) fn key(&self) -> String {
        format!("{}:{}", self.queue, self.id)
    }
}

/// What it means to a parent when this child fails for good.
///
/// ```
/// use infra_redis::engine::{ChildFailure, JobOptions};
///
/// // The book is bound without this page if it can't be printed.
/// let page = JobOptions { on_failure: ChildFailure::Ignore, ..JobOptions::default() };
/// assert_eq!(JobOptions::default().on_failure, ChildFailure::Hold);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChildFailure {
    /// The parent goes on waiting, until the child is tried again with success or removed.
    #[default]
    Hold,
    /// The parent fails too.
    FailParent,
    /// The parent runs at once, whatever its other children do, and can see the reason.
    ContinueParent,
    /// The parent runs once its other children are done, and can see the reason.
    Ignore,
    /// The parent runs once its other children are done, as if there had been no such child.
    Remove,
}

/// Makes jobs that are added under one id stand for each other.
///
/// Without any of the settings, a job is not added while another one of the same id is not
/// finished.
///
/// ```
/// use infra_redis::engine::{Deduplication, JobOptions};
/// use std::time::Duration;
///
/// // Of all jobs added within five seconds of each other, the last one is worked.
/// let options = JobOptions {
///     delay: Duration::from_secs(5),
///     deduplication: Some(Deduplication {
///         id: "reindex".to_owned(),
///         ttl: Some(Duration::from_secs(5)),
///         extend: true,
///         replace: true,
///         ..Deduplication::default()
///     }),
///     ..JobOptions::default()
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of BullMQ's of its own"
)]
pub struct Deduplication {
    /// What the jobs have in common.
    pub id: String,
    /// How long the id stays taken, whether or not its job is finished by then: whole milliseconds,
    /// at least one. Until its job is finished if absent. Has no effect beside
    /// `keep_last_if_active`.
    pub ttl: Option<Duration>,
    /// Whether each further job starts the `ttl` anew.
    pub extend: bool,
    /// Whether a further job takes the place of one that is still delayed.
    pub replace: bool,
    /// Whether the last of the jobs that were added while another one was at work follows it.
    pub keep_last_if_active: bool,
    /// Whether a further job's delay takes the place of that of one that is still delayed.
    pub reschedule: bool,
}

/// What a job is added with. The default is what BullMQ's is: one attempt, no delay, no priority.
///
/// ```
/// use infra_redis::engine::{Backoff, JobOptions};
/// use std::time::Duration;
///
/// let options = JobOptions {
///     attempts: 5,
///     backoff: Some(Backoff::exponential(Duration::from_secs(1))),
///     priority: 10,
///     ..JobOptions::default()
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobOptions {
    /// An id of one's own; the queue's counter gives one if absent.
    pub id: Option<JobId>,
    /// How often the job is tried in all; 0 and 1 both mean once.
    pub attempts: u32,
    /// The wait between attempts; none if absent.
    pub backoff: Option<Backoff>,
    /// How long the job waits before it may start, in whole milliseconds.
    pub delay: Duration,
    /// 0 is none and runs first; then 1, 2 and so on up to 2,097,151.
    pub priority: u32,
    /// Whether the job goes to the front of those that wait.
    pub lifo: bool,
    /// Which jobs are kept when this one completes; the worker's setting if absent.
    pub keep_completed: Option<Keep>,
    /// Which jobs are kept when this one fails for good; the worker's setting if absent.
    pub keep_failed: Option<Keep>,
    /// How many stack traces are kept, the newest; all if absent, none with 0.
    pub stack_trace_limit: Option<u32>,
    /// How many lines of the job's log are kept, the newest; all if absent or 0.
    pub keep_logs: Option<u32>,
    /// The most bytes that the data may have as JSON; any number if absent.
    pub size_limit: Option<usize>,
    /// When the job counts as added, in Unix milliseconds; now if absent.
    pub timestamp: Option<u64>,
    /// The job it is a child of, which must exist.
    pub parent: Option<ParentJob>,
    /// What it means to the parent when the job fails for good.
    pub on_failure: ChildFailure,
    /// Which other jobs this one stands for.
    pub deduplication: Option<Deduplication>,
    /// A trace context that goes with the job, in any form that its reader understands.
    pub telemetry: Option<String>,
    /// Whether a worker must not continue the trace.
    pub omit_context: bool,
}

/// A job to be added in bulk.
///
/// ```
/// use infra_redis::engine::{JobOptions, NewJob};
///
/// let jobs: Vec<_> = ["Ada", "Ben"]
///     .into_iter()
///     .map(|data| NewJob { name: "greet", data, options: JobOptions::default() })
///     .collect();
/// assert_eq!(jobs.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob<'a, T> {
    /// The kind of job.
    pub name: &'a str,
    /// What it works on.
    pub data: T,
    /// What it is added with.
    pub options: JobOptions,
}

impl JobOptions {
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        if self.priority > MAX_PRIORITY {
            let reason = format!("Priority should be between 0 and {MAX_PRIORITY}");
            return Err(OptionError::new("priority", reason));
        }
        if let Some(deduplication) = &self.deduplication {
            if deduplication.id.is_empty() {
                let reason = "Deduplication id must be provided";
                return Err(OptionError::new("deduplication", reason));
            }
            if self.parent.is_some() {
                let reason = "Deduplication and parent options cannot be used together";
                return Err(OptionError::new("deduplication", reason));
            }
        }
        Ok(())
    }

    /// Whether data of this name and length may be added.
    pub(crate) fn check_size(&self, name: &str, bytes: usize) -> Result<(), OptionError> {
        match self.size_limit {
            Some(limit) if bytes > limit => {
                let reason = format!("The size of job {name} exceeds the limit {limit} bytes");
                Err(OptionError::new("size limit", reason))
            }
            _ => Ok(()),
        }
    }

    fn failure_is(&self, policy: ChildFailure) -> Option<bool> {
        (self.on_failure == policy).then_some(true)
    }

    /// The field `parent` of a child: what other clients find the parent by.
    pub(crate) fn parent_json(&self) -> Option<Value> {
        let parent = self.parent.as_ref()?;
        let mut json = serde_json::json!({"id": parent.id, "queueKey": parent.queue.to_string()});
        let policy = match self.on_failure {
            ChildFailure::Hold => return Some(json),
            ChildFailure::FailParent => "fpof",
            ChildFailure::ContinueParent => "cpof",
            ChildFailure::Ignore => "idof",
            ChildFailure::Remove => "rdof",
        };
        json[policy] = Value::Bool(true);
        Some(json)
    }

    /// The options as BullMQ stores them, under its short names.
    pub(crate) fn to_wire(&self) -> WireOptions {
        WireOptions {
            attempts: self.attempts,
            backoff: self.backoff.clone().map(StoredBackoff::Known),
            delay: (!self.delay.is_zero()).then(|| millis(self.delay)),
            priority: (self.priority > 0).then_some(self.priority),
            lifo: self.lifo.then_some(true),
            job_id: self.id.as_ref().map(|id| id.as_str().to_owned()),
            remove_on_complete: self.keep_completed.map(WireKeep::from),
            remove_on_fail: self.keep_failed.map(WireKeep::from),
            stack_trace_limit: self.stack_trace_limit,
            keep_logs: self.keep_logs,
            size_limit: self.size_limit,
            timestamp: self.timestamp,
            parent: self.parent.as_ref().map(|parent| WireParent {
                id: parent.id.clone(),
                queue: parent.queue.to_string(),
            }),
            deduplication: self.deduplication.as_ref().map(WireDeduplication::from),
            fail_parent: self.failure_is(ChildFailure::FailParent),
            continue_parent: self.failure_is(ChildFailure::ContinueParent),
            ignore_dependency: self.failure_is(ChildFailure::Ignore),
            remove_dependency: self.failure_is(ChildFailure::Remove),
            telemetry: self.telemetry.clone(),
            omit_context: self.omit_context.then_some(true),
            others: Map::new(),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_keep_bullmqs_rules() {
        for good in ["a", "018f-a", "01", "-0", "a:b:c", "1.0"] {
            assert!(JobId::parse(good).is_ok(), "{good}");
        }
        let error = |id: &str| JobId::parse(id).unwrap_err().reason;
        assert_eq!(error("17"), "Custom Id cannot be integers");
        assert_eq!(error("a:b"), "Custom Id cannot contain :");
        assert_eq!(error("0"), "JobId cannot be '0' or start with '0:'");
        assert_eq!(error("0:a"), "JobId cannot be '0' or start with '0:'");
        assert_eq!(error("wait"), "is the name of one of the queue's own keys");
    }

    #[test]
    fn options_are_written_under_bullmqs_names() {
        let options = JobOptions {
            id: Some(JobId::parse("a").unwrap()),
            attempts: 3,
            backoff: Some(Backoff::exponential(Duration::from_secs(2))),
            priority: 2,
            keep_completed: Some(Keep::Newest(50)),
            keep_failed: Some(Keep::Young {
                age: Duration::from_secs(60),
                count: None,
                limit: None,
            }),
            ..JobOptions::default()
        };
        assert_eq!(
            serde_json::to_value(options.to_wire()).unwrap(),
            json!({
                "attempts": 3,
                "backoff": {"type": "exponential", "delay": 2000},
                "priority": 2,
                "jobId": "a",
                "removeOnComplete": 50,
                "removeOnFail": {"age": 60},
            })
        );
        let plain = serde_json::to_value(JobOptions::default().to_wire()).unwrap();
        assert_eq!(plain, json!({"attempts": 0}));
    }

    #[test]
    fn what_other_clients_keep_is_understood() {
        let limits = |json: &str| KeepLimits::from(&serde_json::from_str(json).unwrap());
        assert_eq!(limits("true").count, 0);
        assert_eq!(limits("false").count, -1);
        assert_eq!(limits("7").count, 7);
        let policy = limits(r#"{"age":5,"count":3}"#);
        assert_eq!((policy.count, policy.age_secs, policy.limit), (3, 5, 1000));
    }

    #[test]
    fn a_worker_needs_no_sense_in_options_that_do_not_concern_it() {
        let json = r#"{"attempts":3,"kl":5,"delay":"soon","parent":7,"repeat":{"count":1}}"#;
        let options: WorkOptions = serde_json::from_str(json).unwrap();
        let expected = WorkOptions {
            attempts: 3,
            keep_logs: Some(5),
            ..WorkOptions::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn a_priority_beyond_the_highest_is_refused() {
        let options = JobOptions {
            priority: MAX_PRIORITY + 1,
            ..JobOptions::default()
        };
        assert_eq!(
            options.check().unwrap_err().to_string(),
            "priority: Priority should be between 0 and 2097151"
        );
    }
}
