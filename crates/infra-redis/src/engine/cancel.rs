//! Cancelling single jobs.

use super::clock;
use super::error::{EngineError, OptionError, ScriptError};
use super::options::{Keep, KeepLimits, WireOptions};
use super::queue::Queue;
use super::reply::Decoder;
use super::scripts;

/// What the reason of every cancelled job starts with.
const CANCELLED: &str = "cancelled";

/// The most characters of a reason.
const MAX_REASON: usize = 1000;

/// What became of the wish to cancel a job.
///
/// ```
/// use infra_redis::engine::Cancellation;
///
/// fn words(cancellation: Cancellation) -> &'static str {
///     match cancellation {
///         Cancellation::Cancelled => "it has failed",
///         Cancellation::Asked => "its worker is asked to end it",
///         Cancellation::Finished => "it was too late",
///         Cancellation::Missing => "there is no such job",
///     }
/// }
/// assert_eq!(words(Cancellation::Finished), "it was too late");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The job waited, and has failed for good.
    Cancelled,
    /// A worker has the job and is asked to end it. Unless it completes it first, the job fails for
    /// good; if the worker is gone, as soon as that is noticed.
    Asked,
    /// The job has completed or failed already.
    Finished,
    /// There is no such job.
    Missing,
}

impl<T> Queue<T> {
    /// Lets a job fail for good that has not finished: with the reason `cancelled`, or `cancelled: `
    /// and the one given. Line breaks are as good as spaces in it.
    ///
    /// A job that waits, in whatever way, fails at once, with all that this means to its parent. It
    /// is kept as its own options say, and in any case if they don't say. An active job is not taken
    /// from its worker, which is told: a worker of this engine interrupts the attempt (see
    /// [`Interruption`](crate::engine::Interruption)), any other one goes on, and in each of them
    /// the job is not tried again. Whoever asks twice replaces the reason. Children of the job go
    /// on.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the reason is longer than 1000 characters,
    /// [`ScriptError::BelongsToScheduler`](crate::engine::ScriptError::BelongsToScheduler) if the job
    /// is the next one of a scheduler, and
    /// [`ScriptError::NotInState`](crate::engine::ScriptError::NotInState) if it stands nowhere.
    /// Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Cancellation, EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if queue.cancel("17", Some("sent by mistake")).await? == Cancellation::Finished {
    ///     tracing::info!("too late");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn cancel(
        &self,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Cancellation, EngineError> {
        let reason = cancelled_reason(reason)?;
        // What a job was added with never changes, so it may be read before.
        let args = vec![self.keys.job(id), "opts".to_owned()];
        let options = self.connection.command("HGET", args).await?;
        let options = Decoder("HGET").optional_text(options)?.unwrap_or_default();
        let options: WireOptions = serde_json::from_str(&options).unwrap_or_default();
        let keep = options.remove_on_fail.as_ref();
        let keep = keep.map_or_else(|| Keep::All.into(), KeepLimits::from);
        let args = [
            id.to_owned(),
            clock::now().to_string(),
            reason,
            keep.to_string(),
        ];
        let script = &scripts::CANCEL_JOB;
        let reply = script.call(&self.connection, &self.keys, args).await?;
        match Decoder("cancel_job").int(&reply)? {
            0 => Ok(Cancellation::Cancelled),
            1 => Ok(Cancellation::Asked),
            2 => Ok(Cancellation::Finished),
            -1 => Ok(Cancellation::Missing),
            code => Err(ScriptError::from_code(code, id, "cancelJob", "waiting").into()),
        }
    }
}

/// Whether a job failed because somebody cancelled it.
///
/// ```
/// use infra_redis::engine::is_cancelled;
///
/// assert!(is_cancelled("cancelled") && is_cancelled("cancelled: sent by mistake"));
/// assert!(!is_cancelled("cancelled by the printer"));
/// ```
pub fn is_cancelled(failed_reason: &str) -> bool {
    let rest = failed_reason.strip_prefix(CANCELLED);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
}

/// The reason with which a job fails that is cancelled for this one.
///
/// # Errors
///
/// [`OptionError`] if it is longer than 1000 characters.
///
/// ```
/// # use infra_redis::engine::cancelled_reason;
/// assert_eq!(cancelled_reason(Some("sent by mistake"))?, "cancelled: sent by mistake");
/// assert_eq!(cancelled_reason(None)?, "cancelled");
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
pub fn cancelled_reason(given: Option<&str>) -> Result<String, OptionError> {
    let words: Vec<_> = given.unwrap_or_default().split_whitespace().collect();
    let given = words.join(" ");
    if given.chars().count() > MAX_REASON {
        let problem = format!("must not be longer than {MAX_REASON} characters");
        return Err(OptionError::new("reason", problem));
    }
    Ok(if given.is_empty() {
        CANCELLED.to_owned()
    } else {
        format!("{CANCELLED}: {given}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_bounded() {
        assert_eq!(cancelled_reason(None).unwrap(), "cancelled");
        assert_eq!(cancelled_reason(Some(" \n")).unwrap(), "cancelled");
        assert_eq!(
            cancelled_reason(Some("two\nlines ")).unwrap(),
            "cancelled: two lines"
        );
        assert!(cancelled_reason(Some(&"é".repeat(MAX_REASON))).is_ok());
        assert!(cancelled_reason(Some(&"é".repeat(MAX_REASON + 1))).is_err());
    }
}
