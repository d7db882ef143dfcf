//! Options as they stand in Valkey, under BullMQ's short names, and what the scripts are told of
//! them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Deduplication, Keep, millis};
use crate::engine::backoff::Backoff;

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
    #[serde(rename = "kl", skip_serializing_if = "Option::is_none")]
    pub(crate) keep_logs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<WireParent>,
    #[serde(rename = "de", skip_serializing_if = "Option::is_none")]
    pub(crate) deduplication: Option<WireDeduplication>,
    #[serde(rename = "fpof", skip_serializing_if = "Option::is_none")]
    pub(crate) fail_parent: Option<bool>,
    #[serde(rename = "cpof", skip_serializing_if = "Option::is_none")]
    pub(crate) continue_parent: Option<bool>,
    #[serde(rename = "idof", skip_serializing_if = "Option::is_none")]
    pub(crate) ignore_dependency: Option<bool>,
    #[serde(rename = "rdof", skip_serializing_if = "Option::is_none")]
    pub(crate) remove_dependency: Option<bool>,
    #[serde(rename = "tm", skip_serializing_if = "Option::is_none")]
    pub(crate) telemetry: Option<String>,
    #[serde(rename = "omc", skip_serializing_if = "Option::is_none")]
    pub(crate) omit_context: Option<bool>,
    /// Options of other clients that this one has no use for.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

/// What a worker needs of a job's options as they stand in Valkey. It reads those of each job that it
/// claims, and to keep what does not concern it costs several times what reading these does.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkOptions {
    pub(crate) attempts: u32,
    pub(crate) backoff: Option<StoredBackoff>,
    pub(crate) lifo: Option<bool>,
    pub(crate) remove_on_complete: Option<WireKeep>,
    pub(crate) remove_on_fail: Option<WireKeep>,
    pub(crate) stack_trace_limit: Option<u32>,
    #[serde(rename = "kl")]
    pub(crate) keep_logs: Option<u32>,
}

/// A backoff as it stands in Valkey, which may be anything that another client wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum StoredBackoff {
    Known(Backoff),
    Other(Value),
}

impl<'de> Deserialize<'de> for StoredBackoff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a value, in which of a field given twice the last one counts, as it does in
        // JavaScript.
        let value = Value::deserialize(deserializer)?;
        Ok(match Backoff::deserialize(&value) {
            Ok(backoff) => Self::Known(backoff),
            Err(_) => Self::Other(value),
        })
    }
}

/// The parent as it stands in a job's options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireParent {
    pub(super) id: String,
    pub(super) queue: String,
}

/// Deduplication as it stands in a job's options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireDeduplication {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extend: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replace: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reschedule: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_last_if_active: Option<bool>,
}

impl From<&Deduplication> for WireDeduplication {
    fn from(deduplication: &Deduplication) -> Self {
        Self {
            id: deduplication.id.clone(),
            ttl: deduplication.ttl.map(millis),
            extend: deduplication.extend.then_some(true),
            replace: deduplication.replace.then_some(true),
            reschedule: deduplication.reschedule.then_some(true),
            keep_last_if_active: deduplication.keep_last_if_active.then_some(true),
        }
    }
}

impl Deduplication {
    /// The settings as letters, as the scripts take them.
    pub(crate) fn flags(&self) -> String {
        let flags = [
            (self.extend, 'e'),
            (self.replace, 'r'),
            (self.keep_last_if_active, 'k'),
            (self.reschedule, 's'),
        ];
        flags
            .into_iter()
            .filter_map(|(is_set, letter)| is_set.then_some(letter))
            .collect()
    }
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

/// The limits as the scripts take them: `count`, or `count:age:limit` where jobs are too old at some
/// time.
impl fmt::Display for KeepLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            age_secs,
            limit,
        } = self;
        if *age_secs < 0 {
            write!(f, "{count}")
        } else {
            write!(f, "{count}:{age_secs}:{limit}")
        }
    }
}

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
