//! The names of a queue's keys. No other file spells one.

use std::fmt;

use super::error::OptionError;

/// Which queue: a prefix shared by an installation's queues, and the queue's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueueId {
    prefix: String,
    name: String,
}

impl QueueId {
    /// A queue's identity. The name must not be empty or contain `:`; the prefix may be anything,
    /// such as `{bull}` to keep all queues in one slot of a cluster.
    pub fn parse(prefix: &str, name: &str) -> Result<Self, OptionError> {
        if name.is_empty() {
            return Err(OptionError::new("queue name", "must not be empty"));
        }
        if name.contains(':') {
            return Err(OptionError::new(
                "queue name",
                "Queue name cannot contain :",
            ));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.prefix, self.name)
    }
}

/// What a key of a queue is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    Meta,
    Id,
    Wait,
    Paused,
    Active,
    Prioritized,
    Pc,
    Delayed,
    WaitingChildren,
    Completed,
    Failed,
    Marker,
    Events,
    Stalled,
    StalledCheck,
    Limiter,
    Repeat,
}

impl Suffix {
    /// The last part of the key, which is also its name inside the scripts.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Id => "id",
            Self::Wait => "wait",
            Self::Paused => "paused",
            Self::Active => "active",
            Self::Prioritized => "prioritized",
            Self::Pc => "pc",
            Self::Delayed => "delayed",
            Self::WaitingChildren => "waiting-children",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Marker => "marker",
            Self::Events => "events",
            Self::Stalled => "stalled",
            Self::StalledCheck => "stalled-check",
            Self::Limiter => "limiter",
            Self::Repeat => "repeat",
        }
    }
}

/// The keys of one queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueKeys {
    /// `prefix:name:`, to which scripts append a job's id.
    base: String,
}

impl QueueKeys {
    pub(crate) fn new(queue: &QueueId) -> Self {
        Self {
            base: format!("{queue}:"),
        }
    }

    /// What every key of the queue starts with.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn of(&self, suffix: Suffix) -> String {
        format!("{}{}", self.base, suffix.as_str())
    }

    pub(crate) fn job(&self, id: &str) -> String {
        format!("{}{id}", self.base)
    }
}

/// Ids that would make a job's key the queue's own.
pub(crate) fn is_reserved(id: &str) -> bool {
    const NAMES: [&str; 19] = [
        "meta",
        "id",
        "wait",
        "paused",
        "active",
        "prioritized",
        "pc",
        "delayed",
        "waiting-children",
        "completed",
        "failed",
        "marker",
        "events",
        "stalled",
        "stalled-check",
        "limiter",
        "repeat",
        "delay",
        "priority",
    ];
    NAMES.contains(&id) || id == "metrics:completed" || id == "metrics:failed"
}
