//! Moving jobs by hand: sooner, later, before others, or once more.

use std::time::Duration;

use super::clock;
use super::error::EngineError;
use super::options::{JobOptions, millis};
use super::queue::Queue;
use super::record::change_job;
use super::reply::Decoder;
use super::scripts;
use super::state::FinishedState;

/// How many jobs one script call handles at most, so that it never blocks the server for long.
pub(super) const CHUNK: u64 = 1000;

/// What a job that runs once more forgets.
///
/// ```
/// use infra_redis::engine::RetryReset;
///
/// // A job whose three attempts failed gets three more with the first, and one with the second.
/// let all_again = RetryReset { attempts_made: true, ..RetryReset::default() };
/// let once_more = RetryReset::default();
/// assert_ne!(all_again, once_more);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryReset {
    /// The attempts that ended: it gets all of them again.
    pub attempts_made: bool,
    /// The attempts that were started.
    pub attempts_started: bool,
}

impl<T> Queue<T> {
    /// Lets a delayed job run now, at its priority.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing), and
    /// [`ScriptError::NotInState`](crate::engine::ScriptError::NotInState) if it is not delayed.
    /// Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.promote("17").await?;
    /// # Ok(()) }
    /// ```
    pub async fn promote(&self, id: &str) -> Result<(), EngineError> {
        let about = ("promote", "delayed");
        change_job(
            &scripts::PROMOTE,
            &self.connection,
            &self.keys,
            id,
            [],
            about,
        )
        .await
        .map(drop)
    }

    /// Lets all delayed jobs run now; how many there were. As with BullMQ, priorities are ignored.
    ///
    /// Each thousand are promoted in one step. If a later step fails, the earlier ones stay, and
    /// jobs that are added meanwhile may be promoted too.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let promoted = queue.promote_all().await?;
    /// # Ok(()) }
    /// ```
    pub async fn promote_all(&self) -> Result<u64, EngineError> {
        let decoder = Decoder("promote_jobs");
        let mut promoted = 0;
        loop {
            let args = [CHUNK.to_string()];
            let script = &scripts::PROMOTE_JOBS;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            let [seen, moved] = decoder.array::<2>(reply)?;
            promoted += decoder.count(&moved)?;
            if decoder.count(&seen)? < CHUNK {
                return Ok(promoted);
            }
        }
    }

    /// Lets a job that completed or failed run once more, at its priority; its parent waits for it
    /// again.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing), and
    /// [`ScriptError::NotInState`](crate::engine::ScriptError::NotInState) if it is not in that
    /// state. Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, FinishedState, Queue, RetryReset};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let all_again = RetryReset { attempts_made: true, ..RetryReset::default() };
    /// queue.retry("17", FinishedState::Failed, all_again).await?;
    /// # Ok(()) }
    /// ```
    pub async fn retry(
        &self,
        id: &str,
        state: FinishedState,
        reset: RetryReset,
    ) -> Result<(), EngineError> {
        let flag = |is_set: bool| u8::from(is_set).to_string();
        let args = [
            state.as_str().to_owned(),
            flag(reset.attempts_made),
            flag(reset.attempts_started),
        ];
        let about = ("reprocessJob", state.as_str());
        let script = &scripts::RETRY_JOB;
        change_job(script, &self.connection, &self.keys, id, args, about)
            .await
            .map(drop)
    }

    /// Lets all jobs run once more that completed or failed until `up_to`, in Unix milliseconds, or
    /// until now; how many. They keep their attempts made and, as with BullMQ, their priorities are
    /// ignored.
    ///
    /// Each thousand are moved in one step. If a later step fails, the earlier ones stay.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, FinishedState, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let retried = queue.retry_all(FinishedState::Failed, None).await?;
    /// # Ok(()) }
    /// ```
    pub async fn retry_all(
        &self,
        state: FinishedState,
        up_to: Option<u64>,
    ) -> Result<u64, EngineError> {
        // Fixed at the start, so that a job that fails again meanwhile is not retried for ever.
        let up_to = up_to.unwrap_or_else(clock::now).to_string();
        let decoder = Decoder("retry_jobs");
        let mut retried = 0;
        loop {
            let args = [state.as_str().to_owned(), up_to.clone(), CHUNK.to_string()];
            let script = &scripts::RETRY_JOBS;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            let [seen, moved] = decoder.array::<2>(reply)?;
            retried += decoder.count(&moved)?;
            if decoder.count(&seen)? < CHUNK {
                return Ok(retried);
            }
        }
    }

    /// Gives a job another priority, from 0 (none) to 2,097,151. One that is ready takes its place
    /// after the others of that priority, or before them if `first`; any other keeps its place.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the priority is too high, and
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing). Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let before_its_equals = true;
    /// queue.change_priority("17", 1, before_its_equals).await?;
    /// # Ok(()) }
    /// ```
    pub async fn change_priority(
        &self,
        id: &str,
        priority: u32,
        first: bool,
    ) -> Result<(), EngineError> {
        let options = JobOptions {
            priority,
            ..JobOptions::default()
        };
        options.check()?;
        let args = [priority.to_string(), u8::from(first).to_string()];
        let about = ("changePriority", "waiting");
        let script = &scripts::CHANGE_PRIORITY;
        change_job(script, &self.connection, &self.keys, id, args, about)
            .await
            .map(drop)
    }

    /// Lets a delayed job run this long from now, in whole milliseconds.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing), and
    /// [`ScriptError::NotInState`](crate::engine::ScriptError::NotInState) if it is not delayed.
    /// Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.change_delay("17", Duration::from_secs(60)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn change_delay(&self, id: &str, delay: Duration) -> Result<(), EngineError> {
        let args = [millis(delay).to_string(), clock::now().to_string()];
        let about = ("changeDelay", "delayed");
        let script = &scripts::CHANGE_DELAY;
        change_job(script, &self.connection, &self.keys, id, args, about)
            .await
            .map(drop)
    }
}
