//! Dead letters: jobs that failed for good, kept in storage until somebody decides about them.
//!
//! A letter stands for one handler that could not act on one event, or for a job whose event
//! nobody can read.

mod fingerprint;
mod repository;
mod road;

use std::fmt;
use std::str::FromStr;

pub use fingerprint::fingerprint;
pub use repository::{DeadLetterCount, DeadLetterFilter, DeadLetterReader, DeadLetterRepository};
pub use road::{RedriveError, RedriveRoad};

use super::EventId;
use crate::id::uuid_id;
use crate::page::Position;
use crate::time::UnixMillis;

uuid_id! {
    /// Identifies a dead letter.
    DeadLetterId
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The payload is no event that this release can read.
    Undecodable,
    /// The handler said that another attempt can't help.
    Permanent,
    /// Every attempt failed, though each next one might have helped.
    Exhausted,
    /// The job lost its worker too often.
    Stalled,
    /// Somebody cancelled the job.
    Cancelled,
    /// The job was failed by somebody else: another client, or the queue engine itself.
    Other,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::Undecodable,
        Self::Permanent,
        Self::Exhausted,
        Self::Stalled,
        Self::Cancelled,
        Self::Other,
    ];

    /// The name in storage and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Permanent => "permanent",
            Self::Exhausted => "exhausted",
            Self::Stalled => "stalled",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LetterState {
    /// Somebody must decide.
    Dead,
    /// It was sent on its way again.
    Redriven,
    /// The handler has acted on the event after all.
    Resolved,
    /// Somebody decided that nothing is to be done.
    Discarded,
}

impl LetterState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Dead, Self::Redriven, Self::Resolved, Self::Discarded];

    /// The name in storage and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }
}

/// A text names neither a class nor a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not known")]
pub struct UnknownName(pub String);

macro_rules! named {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let mut all = Self::ALL.into_iter();
                all.find(|one| one.as_str() == name)
                    .ok_or_else(|| UnknownName(name.to_owned()))
            }
        }
    };
}

named!(FailureClass);
named!(LetterState);

/// Which work it was that failed. There is one letter for it, however often it fails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FailedWork {
    /// The queue that the job was in.
    pub queue: String,
    /// The job's id.
    pub job: String,
    /// The handler that failed; empty where the event can't be read, so that none was asked.
    pub handler: String,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedAttempt {
    /// When it failed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMillis>,
    /// What was behind it, a line each.
    pub trace: String,
}

impl FailedAttempt {
    /// Attempts as a JSON array.
    ///
    /// # Panics
    ///
    /// Never: texts and times always have a JSON form.
    pub fn list_to_json(attempts: &[Self]) -> String {
        serde_json::to_string(attempts).expect("texts and times have a JSON form")
    }

    /// Reads a JSON array of attempts.
    pub fn list_from_json(json: &str) -> serde_json::Result<Vec<Self>> {
        serde_json::from_str(json)
    }
}

/// A failure for good, as it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedForGood {
    /// What failed.
    pub work: FailedWork,
    /// The event, where it can be read.
    pub event: Option<EventId>,
    /// The event's type, or at least the job's name.
    pub kind: String,
    /// What the job works on, as it is.
    pub payload: String,
    /// Why it failed, in a sentence.
    pub reason: String,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// How many attempts were made.
    pub attempts: u32,
    /// The attempts that are known, oldest first.
    pub history: Vec<FailedAttempt>,
    /// When it failed for good.
    pub failed_at: UnixMillis,
}

impl FailedForGood {
    /// What failures of the same cause have in common.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.class, &self.work.handler, &self.kind, &self.reason)
    }
}

/// A failure for good, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Identifies the letter.
    pub id: DeadLetterId,
    /// The failure; its payload is what a redrive sends, so an edit changes it.
    pub failure: FailedForGood,
    /// What failures of the same cause have in common.
    pub fingerprint: String,
    /// The payload as it failed, if it was edited since.
    pub original_payload: Option<String>,
    /// What became of it.
    pub state: LetterState,
    /// When that was.
    pub changed_at: UnixMillis,
    /// How often the letter changed. A change that was decided on for an earlier one is refused.
    pub revision: u32,
}

impl DeadLetter {
    /// Where it stands in a list, the last failure first.
    pub fn position(&self) -> Position {
        Position {
            at: self.failure.failed_at,
            id: self.id.as_uuid(),
        }
    }
}
