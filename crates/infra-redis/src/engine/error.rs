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
    /// The error behind a negative code of an operation on an active job.
    pub(crate) fn from_code(code: i64, id: &str, operation: &'static str) -> Self {
        let id = id.to_owned();
        let state = "active";
        match code {
            -1 => Self::JobMissing { id, operation },
            -2 => Self::LockMissing { id, operation },
            -3 => Self::NotInState {
                id,
                state,
                operation,
            },
            -6 => Self::LockMismatch {
                id,
                state,
                operation,
            },
            _ => Self::Unknown {
                code,
                id,
                operation,
            },
        }
    }
}
