//! The states a job can be in, and where each stands in Valkey.

use std::fmt;
use std::str::FromStr;

use super::error::OptionError;
use super::keys::Suffix;

/// What a job is doing. The words are BullMQ's.
///
/// It is read from BullMQ's words and written as them:
///
/// ```
/// use infra_redis::engine::JobState;
///
/// let state: JobState = "waiting-children".parse()?;
/// assert_eq!(state, JobState::WaitingChildren);
/// assert_eq!(state.to_string(), "waiting-children");
/// assert!("done".parse::<JobState>().is_err());
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Ready, without a priority; also when the queue is paused.
    Waiting,
    /// Ready, with a priority.
    Prioritized,
    /// Not due yet.
    Delayed,
    /// Being performed.
    Active,
    /// Waiting for its children.
    WaitingChildren,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
}

/// A state in which a job has finished.
///
/// ```
/// use infra_redis::engine::{FinishedState, JobState};
///
/// assert_eq!(JobState::from(FinishedState::Failed), JobState::Failed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishedState {
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
}

impl JobState {
    /// All states, each once.
    ///
    /// ```
    /// # use infra_redis::engine::JobState;
    /// let words = JobState::ALL.map(JobState::as_str);
    /// assert_eq!(words[..3], ["waiting", "prioritized", "delayed"]);
    /// ```
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Prioritized,
        Self::Delayed,
        Self::Active,
        Self::WaitingChildren,
        Self::Completed,
        Self::Failed,
    ];

    /// BullMQ's word for it.
    ///
    /// ```
    /// # use infra_redis::engine::JobState;
    /// assert_eq!(JobState::WaitingChildren.as_str(), "waiting-children");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Prioritized => "prioritized",
            Self::Delayed => "delayed",
            Self::Active => "active",
            Self::WaitingChildren => "waiting-children",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The keys that make up the state; jobs of the first one run first.
    pub(crate) const fn places(self) -> &'static [Suffix] {
        match self {
            // A 5.x client puts waiting jobs aside in `paused`.
            Self::Waiting => &[Suffix::Paused, Suffix::Wait],
            Self::Prioritized => &[Suffix::Prioritized],
            Self::Delayed => &[Suffix::Delayed],
            Self::Active => &[Suffix::Active],
            Self::WaitingChildren => &[Suffix::WaitingChildren],
            Self::Completed => &[Suffix::Completed],
            Self::Failed => &[Suffix::Failed],
        }
    }
}

impl FinishedState {
    /// BullMQ's word for it.
    ///
    /// ```
    /// # use infra_redis::engine::FinishedState;
    /// assert_eq!(FinishedState::Failed.as_str(), "failed");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl From<FinishedState> for JobState {
    fn from(state: FinishedState) -> Self {
        match state {
            FinishedState::Completed => Self::Completed,
            FinishedState::Failed => Self::Failed,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for FinishedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = OptionError;

    /// Reads BullMQ's word. `wait` is the same as `waiting`.
    fn from_str(word: &str) -> Result<Self, OptionError> {
        if word == Suffix::Wait.as_str() {
            return Ok(Self::Waiting);
        }
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| {
                let words = Self::ALL.map(Self::as_str).join(", ");
                OptionError::new("state", format!("must be one of {words}"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_and_another_one_is_refused() {
        for state in JobState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert_eq!("wait".parse(), Ok(JobState::Waiting));
        assert_eq!(
            "done".parse::<JobState>().unwrap_err().to_string(),
            "state: must be one of waiting, prioritized, delayed, active, waiting-children, \
             completed, failed"
        );
    }
}
