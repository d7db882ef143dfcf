//! The names of a queue's keys. No other file spells one.

use std::fmt;
use std::sync::Arc;

use super::error::OptionError;

/// Which queue: a prefix shared by an installation's queues, and the queue's name.
///
/// ```
/// use infra_redis::engine::QueueId;
///
/// let id = QueueId::parse("{bull}", "greetings")?;
/// assert_eq!(id.to_string(), "{bull}:greetings");
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueueId {
    // Shared, since each job carries it.
    prefix: Arc<str>,
    name: Arc<str>,
}

impl QueueId {
    /// A queue's identity. The name must not be empty or contain `:`; the prefix may be anything,
    /// such as `{bull}` to keep all queues in one slot of a cluster.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the name is empty or contains `:`.
    ///
    /// ```
    /// # use infra_redis::engine::QueueId;
    /// assert!(QueueId::parse("bull", "mail").is_ok());
    /// let error = QueueId::parse("bull", "mail:urgent").unwrap_err();
    /// assert_eq!(error.to_string(), "queue name: Queue name cannot contain :");
    /// ```
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
            prefix: prefix.into(),
            name: name.into(),
        })
    }

    /// The queue and the id behind a job's key; absent if it is not the key of a job. An id is what
    /// follows the last colon, so ids that hold colons can't be told from a key.
    pub(crate) fn of_job_key(key: &str) -> Option<(Self, String)> {
        let (queue, id) = key.rsplit_once(':')?;
        let (prefix, name) = queue.rsplit_once(':')?;
        Some((Self::parse(prefix, name).ok()?, id.to_owned()))
    }

    /// What the queue shares with others of its installation.
    ///
    /// ```
    /// # use infra_redis::engine::QueueId;
    /// assert_eq!(QueueId::parse("bull", "mail")?.prefix(), "bull");
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The queue's name.
    ///
    /// ```
    /// # use infra_redis::engine::QueueId;
    /// assert_eq!(QueueId::parse("bull", "mail")?.name(), "mail");
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
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
    /// Every key there is.
    const ALL: [Self; 17] = [
        Self::Meta,
        Self::Id,
        Self::Wait,
        Self::Paused,
        Self::Active,
        Self::Prioritized,
        Self::Pc,
        Self::Delayed,
        Self::WaitingChildren,
        Self::Completed,
        Self::Failed,
        Self::Marker,
        Self::Events,
        Self::Stalled,
        Self::StalledCheck,
        Self::Limiter,
        Self::Repeat,
    ];

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
    queue: QueueId,
    /// The key of the settings, by which calls are routed: `prefix:name:meta`.
    meta: Arc<str>,
}

impl From<QueueId> for QueueKeys {
    fn from(queue: QueueId) -> Self {
        Self {
            meta: format!("{queue}:{}", Suffix::Meta.as_str()).into(),
            queue,
        }
    }
}

impl QueueKeys {
    pub(crate) fn new(queue: &QueueId) -> Self {
        queue.clone().into()
    }

    /// Whose keys these are.
    pub(crate) fn queue(&self) -> &QueueId {
        &self.queue
    }

    /// The key of the settings.
    pub(crate) fn meta(&self) -> &str {
        &self.meta
    }

    /// What every key of the queue starts with: `prefix:name:`.
    pub(crate) fn base(&self) -> &str {
        &self.meta[..self.meta.len() - Suffix::Meta.as_str().len()]
    }

    pub(crate) fn of(&self, suffix: Suffix) -> String {
        format!("{}{}", self.base(), suffix.as_str())
    }

    pub(crate) fn job(&self, id: &str) -> String {
        format!("{}{id}", self.base())
    }

    /// The lines of a job's log.
    pub(crate) fn job_logs(&self, id: &str) -> String {
        format!("{}{id}:logs", self.base())
    }

    /// What a job's completed children returned.
    pub(crate) fn job_processed(&self, id: &str) -> String {
        format!("{}{id}:processed", self.base())
    }

    /// Why those of a job's children failed whose failure it ignores.
    pub(crate) fn job_failed(&self, id: &str) -> String {
        format!("{}{id}:failed", self.base())
    }

    /// The channel on which it is announced that one of the queue's active jobs is cancelled.
    pub(crate) fn cancellations(&self) -> String {
        format!("{}cancel", self.base())
    }

    /// The job that stands for all those added under a deduplication id.
    pub(crate) fn deduplication(&self, id: &str) -> String {
        format!("{}de:{id}", self.base())
    }
}

/// Ids that would make a job's key the queue's own.
pub(crate) fn is_reserved(id: &str) -> bool {
    // `delay` and `priority` are leftovers of old versions, which removals still delete.
    let others = ["delay", "priority", "metrics:completed", "metrics:failed"];
    others.contains(&id) || Suffix::ALL.iter().any(|suffix| suffix.as_str() == id)
}
