//! What can go wrong in the engine.

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a connection could not be made.
///
/// ```
/// use infra_redis::engine::{ConnectError, ConnectionSettings};
///
/// let error = ConnectionSettings::parse("http://localhost").unwrap_err();
/// assert!(matches!(error, ConnectError::Url { .. }));
/// assert!(error.to_string().contains("is not the URL of a Valkey server"));
/// ```
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
    /// The authorities to trust can't be taken from this file.
    #[error("the CA file {path} can't be used: {reason}")]
    CaFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not let this user in.
    #[error("the Valkey at {url} does not let this user in: {reason}")]
    Denied {
        /// The address, without a password.
        url: String,
        /// The server's own words.
        reason: String,
    },
    /// Whoever answers over TLS can't be proven to be the server.
    #[error("the Valkey at {url} can't be trusted: {reason}")]
    Untrusted {
        /// The address, without a password.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The server is of another kind than the URL says.
    #[error("the Valkey at {url} is not what the URL says: {reason}")]
    Unsuitable {
        /// The address, without a password.
        url: String,
        /// The server's own words.
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

impl ConnectError {
    /// Whether it may be otherwise in a while without anybody changing a setting.
    ///
    /// ```
    /// # use infra_redis::engine::ConnectionSettings;
    /// let error = ConnectionSettings::parse("http://localhost").unwrap_err();
    /// assert!(!error.may_pass());
    /// ```
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// An option that can't be used, refused before anything is sent.
///
/// ```
/// use infra_redis::engine::JobId;
///
/// let error = JobId::parse("17").unwrap_err();
/// assert_eq!(error.option, "job id");
/// assert_eq!(error.to_string(), "job id: Custom Id cannot be integers");
/// ```
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
///
/// Every call to Valkey may fail with [`Unavailable`](Self::Unavailable) if it can't be reached or
/// does not answer within 5 seconds, with [`Refused`](Self::Refused) if it answers with an error,
/// such as a missing permission, and with [`Reply`](Self::Reply) if the answer makes no sense. An
/// operation's own docs name what it may fail with besides.
///
/// ```no_run
/// use infra_redis::engine::{EngineError, Queue, ScriptError};
///
/// /// Whether the job runs now; a job that is not delayed did so anyway.
/// async fn hurry(queue: &Queue<u32>, id: &str) -> Result<bool, EngineError> {
///     match queue.promote(id).await {
///         Ok(()) => Ok(true),
///         Err(EngineError::Script(ScriptError::NotInState { .. })) => Ok(false),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// See [`OptionError`]; nothing was sent.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The data has no JSON form; nothing was sent.
    #[error("job data can't be written as JSON")]
    Data(#[source] serde_json::Error),
    /// See [`ConnectError`].
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Valkey is away, and as many commands as memory is spent on wait for it already. Nothing was
    /// sent.
    #[error("Valkey is unavailable: {waiting} commands wait for it already")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
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
            Self::Overloaded { .. } | Self::Connect(_) | Self::Data(_) | Self::Start(_) => {
                Self::Unavailable(self.to_string())
            }
        }
    }

    /// Whether it may be otherwise in a while without anybody changing a setting.
    ///
    /// ```
    /// # use infra_redis::engine::EngineError;
    /// assert!(EngineError::Unavailable("connection refused".to_owned()).may_pass());
    /// ```
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => error.may_pass(),
            Self::Unavailable(_) | Self::Overloaded { .. } => true,
            _ => false,
        }
    }
}

/// An operation that was refused because of what stands in Valkey. The texts are BullMQ's.
///
/// ```
/// use infra_redis::engine::ScriptError;
///
/// let error = ScriptError::Locked { id: "17".to_owned() };
/// assert_eq!(
///     error.to_string(),
///     "Job 17 could not be removed because it is locked by another worker"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// There is no such job. Code -1.
    #[error("Missing key for job {id}. {operation}")]
    JobMissing {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// No worker holds the job, or not any more. Code -2.
    #[error("Missing lock for job {id}. {operation}")]
    LockMissing {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// The job is in another state than the operation needs. Code -3.
    #[error("Job {id} is not in the {state} state. {operation}")]
    NotInState {
        /// The job.
        id: String,
        /// The state it should have been in.
        state: &'static str,
        /// What was tried.
        operation: &'static str,
    },
    /// The job has children that have not ended. Code -4.
    #[error("Job {id} has pending dependencies. {operation}")]
    PendingChildren {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// There is no such parent. Code -5.
    #[error("Missing key for parent job {parent}. {operation}")]
    ParentMissing {
        /// The parent's key.
        parent: String,
        /// What was tried.
        operation: &'static str,
    },
    /// Another worker holds the job. Code -6.
    #[error("Lock mismatch for job {id}. Cmd {operation} from {state}")]
    LockMismatch {
        /// The job.
        id: String,
        /// The state it should have been in.
        state: &'static str,
        /// What was tried.
        operation: &'static str,
    },
    /// The job is the child of another parent, which still exists. Code -7.
    #[error("The parent job {parent} cannot be replaced. {operation}")]
    ParentCannotBeReplaced {
        /// The parent's key.
        parent: String,
        /// What was tried.
        operation: &'static str,
    },
    /// The job is the one that a scheduler has ahead. Code -8.
    #[error("Job {id} belongs to a job scheduler and cannot be removed directly. {operation}")]
    BelongsToScheduler {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// A child has failed whose failure keeps the job from completing. Code -9.
    #[error("Cannot complete job {id} because it has at least one failed child. {operation}")]
    FailedChildren {
        /// The job.
        id: String,
        /// What was tried.
        operation: &'static str,
    },
    /// A job has the id that the scheduler's next one would get. Code -10.
    #[error("Cannot create job scheduler iteration - job ID already exists. {operation}")]
    SchedulerIdCollision {
        /// What was tried.
        operation: &'static str,
    },
    /// Jobs have the ids that the scheduler's next one and the one after it would get. Code -11.
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
