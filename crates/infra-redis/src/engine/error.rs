//! What can go wrong in the engine.

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is not an address of a Valkey server.
    #[error("`{url}` is not the URL of a Valkey server: {reason}")]
    Url {
        /// The text, without a password.
        url: String,
        /// What was expected.
        reason: String,
    },
    /// Nothing that speaks the protocol answers there.
    #[error("no Valkey answers at {url}: {reason}")]
    Unreachable {
        /// The address, without a password.
        url: String,
        /// What happened instead.
        reason: String,
    },
}

/// An option that can't be used, refused before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct OptionError {
    /// The option.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl OptionError {
    pub(crate) fn new(option: &'static str, reason: impl Into<String>) -> Self {
        Self {
            option,
            reason: reason.into(),
        }
    }
}

/// Why an operation of the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// See [`OptionError`]; nothing was sent.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The data has no JSON form; nothing was sent.
    #[error("job data can't be written as JSON")]
    Data(#[source] serde_json::Error),
    /// Valkey can't be reached, or did not answer in time. Whether the operation took effect is
    /// not known.
    #[error("Valkey is unavailable: {0}")]
    Unavailable(String),
    /// Valkey answered with an error.
    #[error("Valkey refused {operation}: {reason}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// What it answered.
        reason: String,
    },
    /// Valkey answered with something that this release doesn't understand.
    #[error("unexpected answer to {operation}: expected {expected}")]
    Reply {
        /// What was asked.
        operation: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// See [`ScriptError`]; nothing was changed.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Something inside the process failed.
    #[error("the worker can't start")]
    Start(#[source] BoxError),
}

impl EngineError {
    /// The same failure of a call, for another one of those who share it.
    pub(crate) fn to_other(&self) -> Self {
        match self {
            Self::Refused { operation, reason } => Self::Refused {
                operation,
                reason: reason.clone(),
            },
            Self::Reply {
                operation,
                expected,
            } => Self::Reply {
                operation,
                expected,
            },
            Self::Option(error) => Self::Option(error.clone()),
            Self::Script(error) => Self::Script(error.clone()),
            Self::Unavailable(reason) => Self::Unavailable(reason.clone()),
            Self::Data(_) | Self::Start(_) => Self::Unavailable(self.to_string()),
        }
    }
}

/// An operation that was refused because of what stands in Valkey. The texts are BullMQ's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Code -1.
    #[error("Missing key for job {id}. {operation}")]
    JobMissing {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -2.
    #[error("Missing lock for job {id}. {operation}")]
    LockMissing {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -3.
    #[error("Job {id} is not in the {state} state. {operation}")]
    NotInState {
        /// The job.
        id: String,
        /// The state it should have been in.
        state: &'static str,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -4.
    #[error("Job {id} has pending dependencies. {operation}")]
    PendingChildren {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -5.
    #[error("Missing key for parent job {parent}. {operation}")]
    ParentMissing {
        /// The parent's key.
        parent: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -6.
    #[error("Lock mismatch for job {id}. Cmd {operation} from {state}")]
    LockMismatch {
        /// The job.
        id: String,
        /// The state it should have been in.
        state: &'static str,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -7.
    #[error("The parent job {parent} cannot be replaced. {operation}")]
    ParentCannotBeReplaced {
        /// The parent's key.
        parent: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -8.
    #[error("Job {id} belongs to a job scheduler and cannot be removed directly. {operation}")]
    BelongsToScheduler {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -9.
    #[error("Cannot complete job {id} because it has at least one failed child. {operation}")]
    FailedChildren {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Code -10.
    #[error("Cannot create job scheduler iteration - job ID already exists. {operation}")]
    SchedulerIdCollision {
        /// What was tried.
        operation: &'static str,
    },
    /// Code -11.
    #[error(
        "Cannot create job scheduler iteration - current and next time slots already have jobs. \
         {operation}"
    )]
    SchedulerSlotsBusy {
        /// What was tried.
        operation: &'static str,
    },
    /// The job can't be removed while a worker holds it or one of its children.
    #[error("Job {id} could not be removed because it is locked by another worker")]
    Locked {
        /// The job.
        id: String,
    },
    /// Only a paused queue can be obliterated.
    #[error("Cannot obliterate non-paused queue")]
    NotPaused,
    /// A queue with active jobs is obliterated only by force.
    #[error("Cannot obliterate queue with active jobs")]
    HasActiveJobs,
    /// What stands in Valkey about the job is not what any client of BullMQ writes.
    #[error("Job {id} is faulty: {reason}. {operation}")]
    Faulty {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
        /// What the server said.
        reason: String,
    },
    /// Any other code.
    #[error("Unknown code {code} error for {id}. {operation}")]
    Unknown {
        /// The code.
        code: i64,
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
}

impl ScriptError {
    /// The error behind a negative code of an operation on a job that should be in `state`.
    pub(crate) fn from_code(
        code: i64,
        id: &str,
        operation: &'static str,
        state: &'static str,
    ) -> Self {
        let id = id.to_owned();
        match code {
            -1 => Self::JobMissing { id, operation },
            -2 => Self::LockMissing { id, operation },
            -3 => Self::NotInState {
                id,
                state,
                operation,
            },
            -4 => Self::PendingChildren { id, operation },
            -6 => Self::LockMismatch {
                id,
                state,
                operation,
            },
            -8 => Self::BelongsToScheduler { id, operation },
            -9 => Self::FailedChildren { id, operation },
            -10 => Self::SchedulerIdCollision { operation },
            -11 => Self::SchedulerSlotsBusy { operation },
            _ => Self::Unknown {
                code,
                id,
                operation,
            },
        }
    }

    /// The error behind a negative code of adding a child of `parent`.
    pub(crate) fn from_add_code(code: i64, id: &str, parent: &str) -> Self {
        let (parent, operation) = (parent.to_owned(), "addJob");
        match code {
            -5 => Self::ParentMissing { parent, operation },
            -7 => Self::ParentCannotBeReplaced { parent, operation },
            _ => Self::from_code(code, id, operation, "waiting"),
        }
    }
}
