//! Removing jobs, and what is left of them.

use std::time::Duration;

use super::clock;
use super::error::{EngineError, OptionError, ScriptError};
use super::keys::Suffix;
use super::maintenance::CHUNK;
use super::options::millis;
use super::queue::Queue;
use super::reply::{Decoder, Reply};
use super::scripts;
use super::state::JobState;

impl<T> Queue<T> {
    /// Removes a job, whatever state it is in, and its children and theirs if asked. Its parent
    /// runs if it waited for this job alone. To remove what is not there is no error.
    ///
    /// A tree of more than a thousand jobs is removed in steps; if a later one fails, the children
    /// removed by then are gone, and the job stays and goes on waiting for the others.
    ///
    /// # Errors
    ///
    /// [`ScriptError::Locked`](crate::engine::ScriptError::Locked) if a worker holds the job or one
    /// of the children, and
    /// [`ScriptError::BelongsToScheduler`](crate::engine::ScriptError::BelongsToScheduler) if the
    /// job is the next one of a scheduler. Besides, those of every call, see
    /// [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let with_children = true;
    /// queue.remove("17", with_children).await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove(&self, id: &str, with_children: bool) -> Result<(), EngineError> {
        let decoder = Decoder("remove_job");
        let mut is_first = true;
        loop {
            let args = [
                id.to_owned(),
                u8::from(with_children).to_string(),
                CHUNK.to_string(),
                u8::from(is_first).to_string(),
            ];
            let script = &scripts::REMOVE_JOB;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            match decoder.int(&reply)? {
                0 => return Err(ScriptError::Locked { id: id.to_owned() }.into()),
                1 => return Ok(()),
                2 => is_first = false,
                code => {
                    let error = ScriptError::from_code(code, id, "removeJob", "waiting");
                    return Err(error.into());
                }
            }
        }
    }

    /// Removes those children of a job that have not finished, and theirs. Children that a worker
    /// holds stay, and so do failed ones. The job runs if no other is left that it waits for.
    ///
    /// About a thousand are removed in one step; if a later step fails, the earlier ones stay.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.remove_unprocessed_children("17").await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_unprocessed_children(&self, id: &str) -> Result<(), EngineError> {
        let decoder = Decoder("remove_unprocessed_children");
        let mut cursor = "0".to_owned();
        loop {
            let args = [id.to_owned(), cursor, CHUNK.to_string()];
            let script = &scripts::REMOVE_UNPROCESSED_CHILDREN;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            let [next, is_repeated] = decoder.array::<2>(reply)?;
            cursor = decoder.text(next)?;
            if cursor == "0" && decoder.int(&is_repeated)? == 0 {
                return Ok(());
            }
        }
    }

    /// Lets a job be nobody's child any more; whether a parent waited for it. The parent runs if it
    /// waited for this job alone.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing), and
    /// [`ScriptError::ParentMissing`](crate::engine::ScriptError::ParentMissing) if the parent is
    /// gone. Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// if queue.remove_child_dependency("17").await? {
    ///     tracing::info!("its parent does not wait for job 17 any more");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn remove_child_dependency(&self, id: &str) -> Result<bool, EngineError> {
        const OPERATION: &str = "removeChildDependency";
        let script = &scripts::REMOVE_CHILD_DEPENDENCY;
        let args = [id.to_owned()];
        let reply = script.call(&self.connection, &self.keys, args).await?;
        let decoder = Decoder("remove_child_dependency");
        let [code, parent] = decoder.array::<2>(reply)?;
        match decoder.int(&code)? {
            0 => Ok(true),
            1 => Ok(false),
            -5 => Err(ScriptError::ParentMissing {
                parent: decoder.text(parent)?,
                operation: OPERATION,
            }
            .into()),
            code => Err(ScriptError::from_code(code, id, OPERATION, "waiting-children").into()),
        }
    }

    /// Removes all jobs that are ready, and the delayed ones if asked; how many. The next jobs of
    /// schedulers stay. A parent in this queue that waited for removed jobs alone goes with them.
    /// Announced by no event.
    ///
    /// Each thousand are removed in one step. If a later step fails, the earlier ones stay; jobs
    /// that are added meanwhile may be removed or not.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let with_delayed = false;
    /// let removed = queue.drain(with_delayed).await?;
    /// # Ok(()) }
    /// ```
    pub async fn drain(&self, with_delayed: bool) -> Result<u64, EngineError> {
        let decoder = Decoder("drain");
        let mut places = vec![Suffix::Wait, Suffix::Paused];
        if with_delayed {
            places.push(Suffix::Delayed);
        }
        places.push(Suffix::Prioritized);
        let mut removed = 0;
        for place in places {
            let mut kept = 0;
            while kept >= 0 {
                let args = [
                    place.as_str().to_owned(),
                    kept.to_string(),
                    CHUNK.to_string(),
                ];
                let script = &scripts::DRAIN;
                let reply = script.call(&self.connection, &self.keys, args).await?;
                let [next, count] = decoder.array::<2>(reply)?;
                kept = decoder.int(&next)?;
                removed += decoder.count(&count)?;
            }
        }
        Ok(removed)
    }

    /// Removes the jobs of one state that are older than `grace`, of whole milliseconds, the oldest
    /// first and at most `limit` if given; their ids. Finished jobs are as old as their end, others
    /// as their last start or else their addition. Active ones are removed only if no worker holds
    /// them; the next jobs of schedulers stay. A parent in this queue that waited for removed jobs
    /// alone goes with them.
    ///
    /// A `limit` of 0 is none, as with BullMQ.
    ///
    /// A thousand jobs are looked at in one step, and the event `cleaned` tells the count of all
    /// steps at the end. If a step fails, the earlier ones stay, without that event.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] for jobs that wait for children, which can't be cleaned. Besides,
    /// those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use infra_redis::engine::{EngineError, JobState, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let a_day = Duration::from_secs(24 * 60 * 60);
    /// let removed = queue.clean(a_day, Some(10_000), JobState::Completed).await?;
    /// tracing::info!("removed {} jobs", removed.len());
    /// # Ok(()) }
    /// ```
    pub async fn clean(
        &self,
        grace: Duration,
        limit: Option<u64>,
        state: JobState,
    ) -> Result<Vec<String>, EngineError> {
        if state == JobState::WaitingChildren {
            let reason = "jobs that wait for children can't be cleaned";
            return Err(OptionError::new("state", reason).into());
        }
        let decoder = Decoder("clean");
        let cutoff = clock::now().saturating_sub(millis(grace)).to_string();
        let places = state.places();
        let mut removed: Vec<String> = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let is_last = number + 1 == places.len();
            let mut kept = 0;
            while kept >= 0 {
                let left = limit.filter(|limit| *limit > 0).map_or(-1, |limit| {
                    i64::try_from(limit).unwrap_or(i64::MAX)
                        - i64::try_from(removed.len()).unwrap_or(i64::MAX)
                });
                let args = [
                    place.as_str().to_owned(),
                    cutoff.clone(),
                    kept.to_string(),
                    CHUNK.to_string(),
                    left.to_string(),
                    removed.len().to_string(),
                    u8::from(is_last).to_string(),
                ];
                let script = &scripts::CLEAN;
                let reply = script.call(&self.connection, &self.keys, args).await?;
                let [next, ids] = decoder.array::<2>(reply)?;
                removed.extend(decoder.texts(ids)?);
                kept = decoder.int(&next)?;
                if kept == -2 {
                    return Ok(removed);
                }
            }
        }
        Ok(removed)
    }

    /// Removes the queue and its jobs, also those that workers hold if it is `forced`.
    ///
    /// A thousand jobs are removed in one step. If a later step fails, the earlier ones stay, and
    /// calling it again removes the rest. As with BullMQ, jobs that wait for children in other
    /// queues stay.
    ///
    /// # Errors
    ///
    /// [`ScriptError::NotPaused`](crate::engine::ScriptError::NotPaused), and
    /// [`ScriptError::HasActiveJobs`](crate::engine::ScriptError::HasActiveJobs) if it is not
    /// forced. Besides, those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.pause().await?;
    /// queue.obliterate(false).await?;
    /// # Ok(()) }
    /// ```
    pub async fn obliterate(&self, forced: bool) -> Result<(), EngineError> {
        let decoder = Decoder("obliterate");
        loop {
            let args = [CHUNK.to_string(), u8::from(forced).to_string()];
            let script = &scripts::OBLITERATE;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            match decoder.int(&reply)? {
                0 => return Ok(()),
                1 => {}
                -1 => return Err(ScriptError::NotPaused.into()),
                -2 => return Err(ScriptError::HasActiveJobs.into()),
                _ => return Err(decoder.unexpected("a code of obliterate")),
            }
        }
    }

    /// Removes all events but about the newest `count`, and some more that Valkey keeps because it
    /// is cheaper; how many were removed.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let removed = queue.trim_events(1000).await?;
    /// # Ok(()) }
    /// ```
    pub async fn trim_events(&self, count: u64) -> Result<u64, EngineError> {
        let args = [
            self.keys.of(Suffix::Events),
            "MAXLEN".to_owned(),
            "~".to_owned(),
            count.to_string(),
        ];
        let reply = self.connection.command("XTRIM", args.into()).await?;
        Decoder("XTRIM").count(&reply)
    }

    /// Lets jobs be added again under a deduplication id, whichever job stands for it; whether one
    /// did.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let was_taken = queue.remove_deduplication_key("ada@example.org").await?;
    /// # Ok(()) }
    /// ```
    pub async fn remove_deduplication_key(&self, id: &str) -> Result<bool, EngineError> {
        let args = vec![self.keys.deduplication(id)];
        let reply: Reply = self.connection.command("DEL", args).await?;
        Ok(Decoder("DEL").int(&reply)? == 1)
    }

    /// Lets jobs be added again under the deduplication id that this job stands for; whether it
    /// stands for one.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let stood_for_others = queue.release_deduplication("17").await?;
    /// # Ok(()) }
    /// ```
    pub async fn release_deduplication(&self, job_id: &str) -> Result<bool, EngineError> {
        let script = &scripts::RELEASE_DEDUPLICATION;
        let args = [job_id.to_owned()];
        let reply = script.call(&self.connection, &self.keys, args).await?;
        Ok(Decoder("release_deduplication").int(&reply)? == 1)
    }
}
