//! Finding what is wrong with a queue's data, whoever did it, and putting it right.

use std::collections::HashSet;

use super::clock;
use super::discovery::find_hashes;
use super::error::EngineError;
use super::keys::{Suffix, is_reserved};
use super::queue::Queue;
use super::reply::{Decoder, Reply};
use super::scheduler::{Schedule, Scheduler, rearm};
use super::scripts;
use super::state::JobState;

/// How many ids one script call looks at, so that it never blocks the server for long.
const PAGE: usize = 1000;

/// How many schedulers one script call looks at.
const SCHEDULER_PAGE: u64 = 100;

/// How many jobs one script call looks for in all states. Each is looked for in whole lists.
const HOMELESS_PAGE: usize = 20;

/// Something that is wrong with a queue's data.
///
/// ```
/// use infra_redis::engine::Fault;
///
/// /// Faults whose repair makes a job run that may have had effects already.
/// fn needs_a_look(fault: &Fault) -> bool {
///     matches!(fault, Fault::JobWithoutState { .. } | Fault::ActiveWithoutLock { .. })
/// }
///
/// assert!(!needs_a_look(&Fault::LeftInPaused { count: 3 }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A state holds the id of a job that is not stored.
    IdWithoutJob {
        /// The id.
        id: String,
        /// The structure that holds it, such as `wait`.
        place: &'static str,
    },
    /// A job is stored that is in no state: nobody will ever perform or remove it.
    JobWithoutState {
        /// The job.
        id: String,
    },
    /// A job is active although no worker holds it. One whose worker died a moment ago is no fault
    /// yet, but looks the same.
    ActiveWithoutLock {
        /// The job.
        id: String,
    },
    /// No job stands for a scheduler's next iteration, so there will be none.
    SchedulerWithoutJob {
        /// The scheduler.
        id: String,
    },
    /// A client of BullMQ 5 put jobs aside when it paused the queue, which is not paused now.
    LeftInPaused {
        /// How many jobs.
        count: u64,
    },
}

impl<T> Queue<T> {
    /// Looks for what is wrong with the queue's data.
    ///
    /// A thousand ids are looked at in one step; then all keys of the database, also in steps. What
    /// moves meanwhile is not mistaken for a fault.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for fault in queue.find_faults().await? {
    ///     tracing::warn!(?fault, "the queue is not as it should be");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn find_faults(&self) -> Result<Vec<Fault>, EngineError> {
        let mut faults = Vec::new();
        let mut known = HashSet::new();
        for place in JobState::ALL.iter().flat_map(|state| state.places()) {
            self.check_place(*place, &mut known, &mut faults).await?;
        }
        let homeless = self.find_homeless(&known).await?;
        faults.extend(homeless.into_iter().map(|id| Fault::JobWithoutState { id }));
        let lost = self.lost_schedulers().await?;
        faults.extend(lost.into_iter().map(|id| Fault::SchedulerWithoutJob { id }));
        faults.extend(self.find_left_in_paused().await?);
        Ok(faults)
    }

    /// Puts a fault right; whether all is right now, whoever saw to it.
    ///
    /// An id without a job is removed. A job in no state goes where its own fields say: to the
    /// finished ones, to those that wait for children or for their time, or to the ready ones. An
    /// active job that nobody holds waits again, as a stalled one. A scheduler gets its next job.
    /// Jobs left in `paused` wait with the others, before them.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for fault in queue.find_faults().await? {
    ///     let is_right = queue.repair(&fault).await?;
    ///     tracing::info!(?fault, is_right, "repaired");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn repair(&self, fault: &Fault) -> Result<bool, EngineError> {
        let (wrong, id, place) = match fault {
            Fault::IdWithoutJob { id, place } => ("missing", id, *place),
            Fault::ActiveWithoutLock { id } => ("unheld", id, ""),
            Fault::JobWithoutState { id } => ("homeless", id, ""),
            Fault::SchedulerWithoutJob { id } => {
                rearm(&self.connection, &self.keys, clock::now()).await?;
                return Ok(!self.lost_schedulers().await?.contains(id));
            }
            Fault::LeftInPaused { .. } => {
                if self.find_left_in_paused().await?.is_some() {
                    self.resume().await?;
                }
                return Ok(true);
            }
        };
        let args = [
            wrong.to_owned(),
            id.clone(),
            place.to_owned(),
            clock::now().to_string(),
        ];
        let script = &scripts::REPAIR;
        script.call(&self.connection, &self.keys, args).await?;
        Ok(true)
    }

    async fn check_place(
        &self,
        place: Suffix,
        known: &mut HashSet<String>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), EngineError> {
        let decoder = Decoder("check_place");
        let mut from = 0;
        loop {
            let args = [
                place.as_str().to_owned(),
                from.to_string(),
                PAGE.to_string(),
            ];
            let script = &scripts::CHECK_PLACE;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            let [ids, missing, unheld] = decoder.array::<3>(reply)?;
            let ids = decoder.texts(ids)?;
            let count = ids.len();
            known.extend(ids);
            let missing = decoder.texts(missing)?.into_iter();
            faults.extend(missing.map(|id| Fault::IdWithoutJob {
                id,
                place: place.as_str(),
            }));
            let unheld = decoder.texts(unheld)?.into_iter();
            faults.extend(unheld.map(|id| Fault::ActiveWithoutLock { id }));
            if count < PAGE {
                return Ok(());
            }
            from += PAGE;
        }
    }

    /// The jobs that are stored and in no state.
    async fn find_homeless(&self, known: &HashSet<String>) -> Result<Vec<String>, EngineError> {
        let base = self.keys.base();
        let mut suspects = HashSet::new();
        find_hashes(&self.connection, base, |key| {
            let id = key.strip_prefix(base).unwrap_or_default();
            if !known.contains(id) && !is_reserved(id) {
                suspects.insert(id.to_owned());
            }
        })
        .await?;
        let mut suspects: Vec<_> = suspects.into_iter().collect();
        suspects.sort();
        let mut homeless = Vec::new();
        for page in suspects.chunks(HOMELESS_PAGE) {
            let script = &scripts::CHECK_JOBS;
            let args = page.iter().cloned();
            let reply = script.call(&self.connection, &self.keys, args).await?;
            homeless.extend(Decoder("check_jobs").texts(reply)?);
        }
        Ok(homeless)
    }

    /// The schedulers that no job stands for, although their series have not ended.
    async fn lost_schedulers(&self) -> Result<Vec<String>, EngineError> {
        let decoder = Decoder("lost_schedulers");
        let now = clock::now();
        let mut lost = Vec::new();
        let mut from = 0;
        loop {
            let args = [from.to_string(), (from + SCHEDULER_PAGE - 1).to_string()];
            let script = &scripts::LOST_SCHEDULERS;
            let reply = script.call(&self.connection, &self.keys, args).await?;
            let mut reply = decoder.list(reply)?.into_iter();
            let looked_at = decoder.count(&reply.next().unwrap_or(Reply::Int(0)))?;
            for suspect in reply {
                let [id, _next, job_options, _fields] = decoder.array::<4>(suspect)?;
                let job_options = decoder.optional_text(job_options)?;
                let scheduler = self.scheduler(&decoder.text(id)?).await?;
                let unfinished =
                    scheduler.filter(|found| !is_over(found, job_options.as_deref(), now));
                lost.extend(unfinished.map(|found| found.id));
            }
            if looked_at < SCHEDULER_PAGE {
                return Ok(lost);
            }
            from += SCHEDULER_PAGE;
        }
    }

    async fn find_left_in_paused(&self) -> Result<Option<Fault>, EngineError> {
        let args = vec![self.keys.of(Suffix::Paused)];
        let reply = self.connection.command("LLEN", args).await?;
        let count = Decoder("LLEN").count(&reply)?;
        let is_left = count > 0 && !self.is_paused().await?;
        Ok(is_left.then_some(Fault::LeftInPaused { count }))
    }
}

/// Whether a scheduler has made all its jobs. One of 5.x says nothing of that, and can't be told
/// from one that is over.
fn is_over(scheduler: &Scheduler, latest_options: Option<&str>, now: u64) -> bool {
    let Some(iterations) = scheduler.iterations else {
        return true;
    };
    // A scheduler that was changed counts its jobs anew, but not its iterations.
    let count = latest_options
        .and_then(|options| serde_json::from_str::<serde_json::Value>(options).ok())
        .and_then(|options| options.pointer("/repeat/count")?.as_u64());
    let is_ahead = latest_options.is_none() && scheduler.next > now;
    let next_count = count.unwrap_or(iterations) + u64::from(!is_ahead);
    if scheduler.limit.is_some_and(|limit| next_count > limit) {
        return true;
    }
    let Some(end) = scheduler.end else {
        return false;
    };
    let pattern = scheduler.pattern.as_deref();
    let next = pattern.map(|pattern| Schedule::cron(pattern, scheduler.time_zone.as_deref()));
    match next {
        // A pattern that can't be read is a fault that stays.
        Some(Err(_)) => false,
        Some(Ok(schedule)) => schedule.next_after(now).is_none_or(|next| next > end),
        None => now > end,
    }
}
