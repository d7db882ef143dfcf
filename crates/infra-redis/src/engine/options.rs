//! What a job may be added with.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::backoff::Backoff;
use super::error::OptionError;
use super::keys::is_reserved;

/// The highest priority number; higher ones would make scores inexact.
const MAX_PRIORITY: u32 = 2_097_151;

/// A job's id of one's own: adding a job whose id is in use adds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobId(String);

impl JobId {
    /// Reads an id, which must keep BullMQ's rules: not a whole number, no `:` (unless exactly
    /// two), not `0` and not starting with `0:`; nor may it be the name of one of the queue's keys.
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
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which finished jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All of them.
    #[default]
    All,
    /// None: a job is removed as it finishes.
    None,
    /// The newest ones, at most so many.
    Newest(u32),
    /// Those younger than `age`, and of them the newest `count` if given. At most `limit` old ones
    /// are removed as a job finishes.
    Young {
        /// In whole seconds.
        age: Duration,
        /// At most so many.
        count: Option<u32>,
        /// 1000 if absent.
        limit: Option<u32>,
    },
}

/// What a job is added with. The default is what BullMQ's is: one attempt, no delay, no priority.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobOptions {
    /// An id of one's own; the queue's counter gives one if absent.
    pub id: Option<JobId>,
    /// How often the job is tried in all; 0 and 1 both mean once.
    pub attempts: u32,
    /// The wait between attempts; none if absent.
    pub backoff: Option<Backoff>,
    /// How long the job waits before it may start.
    pub delay: Duration,
    /// 0 is none and runs first; then 1, 2 and so on up to 2,097,151.
    pub priority: u32,
    /// Whether the job goes to the front of those that wait.
    pub lifo: bool,
    /// Which jobs are kept when this one completes; the worker's setting if absent.
    pub keep_completed: Option<Keep>,
    /// Which jobs are kept when this one fails for good; the worker's setting if absent.
    pub keep_failed: Option<Keep>,
    /// How many stack traces are kept; all if absent.
    pub stack_trace_limit: Option<u32>,
}

/// A job to be added in bulk.
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
        Ok(())
    }

    /// The options as BullMQ stores them, under its short names.
    pub(crate) fn to_wire(&self) -> WireOptions {
        WireOptions {
            attempts: self.attempts,
            backoff: self.backoff.map(StoredBackoff::Known),
            delay: (!self.delay.is_zero()).then(|| millis(self.delay)),
            priority: (self.priority > 0).then_some(self.priority),
            lifo: self.lifo.then_some(true),
            job_id: self.id.as_ref().map(|id| id.as_str().to_owned()),
            remove_on_complete: self.keep_completed.map(WireKeep::from),
            remove_on_fail: self.keep_failed.map(WireKeep::from),
            stack_trace_limit: self.stack_trace_limit,
            others: Map::new(),
        }
    }
}

/// A job's options as they stand in Valkey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireOptions {
    pub(crate) attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backoff: Option<StoredBackoff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifo: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remove_on_complete: Option<WireKeep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remove_on_fail: Option<WireKeep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stack_trace_limit: Option<u32>,
    /// Options of other clients that this one has no use for.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

/// A backoff as it stands in Valkey, which may be a strategy that only its producer knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum StoredBackoff {
    Known(Backoff),
    Other(Value),
}

/// `removeOnComplete` and `removeOnFail` as they stand in Valkey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum WireKeep {
    Remove(bool),
    Count(i64),
    Policy {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        age: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
}

/// What the scripts need to know about which finished jobs are kept; -1 stands for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepLimits {
    pub(crate) count: i64,
    pub(crate) age_secs: i64,
    pub(crate) limit: u32,
}

const DEFAULT_KEEP_LIMIT: u32 = 1000;

impl From<Keep> for WireKeep {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::All => Self::Remove(false),
            Keep::None => Self::Remove(true),
            Keep::Newest(count) => Self::Count(count.into()),
            Keep::Young { age, count, limit } => Self::Policy {
                count: count.map(i64::from),
                age: Some(age.as_secs()),
                limit,
            },
        }
    }
}

impl From<&WireKeep> for KeepLimits {
    fn from(keep: &WireKeep) -> Self {
        let (count, age, limit) = match keep {
            WireKeep::Remove(true) => (0, None, None),
            WireKeep::Remove(false) => (-1, None, None),
            WireKeep::Count(count) => (*count, None, None),
            WireKeep::Policy { count, age, limit } => (count.unwrap_or(-1), *age, *limit),
        };
        Self {
            count,
            age_secs: age.map_or(-1, |age| i64::try_from(age).unwrap_or(i64::MAX / 1000)),
            limit: limit.unwrap_or(DEFAULT_KEEP_LIMIT),
        }
    }
}

impl From<Keep> for KeepLimits {
    fn from(keep: Keep) -> Self {
        Self::from(&WireKeep::from(keep))
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
