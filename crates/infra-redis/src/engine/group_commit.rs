//! Adds that are made at the same time share a call.
//!
//! An add that finds no call in flight goes at once and alone. Those that come meanwhile are
//! gathered and form the next call; see [`Pace`] for when that goes. Nobody waits for a timer,
//! except far from the server, where a call would otherwise wait for the answer of another one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::error::EngineError;
use super::pace::Pace;
use super::producer::{self, EncodedJob};
use super::reply::Decoder;
use super::turn::let_others_go_on;

/// The most jobs in one call, so that it never blocks the server for long.
pub(super) const MAX_JOBS: usize = 100;

/// With half as many a second call goes while one is in flight.
const FULL: usize = 50;

/// How many adds may wait for their call, so that an outage fills no memory.
const MAX_WAITING: usize = 10_000;

type Outcome = Result<String, EngineError>;

/// The adds of a queue's handle and its clones.
pub(super) struct GroupCommit {
    connection: Connection,
    state: Mutex<State>,
    /// Nobody waits for these tasks: whoever adds waits for the outcome.
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    pace: Pace,
    waiting: Vec<Waiting>,
    /// Whether a task sleeps until the next call may go.
    has_timer: bool,
    /// Whether a task sends those that wait as soon as those that are about to add have.
    is_gathering: bool,
}

struct Waiting {
    job: EncodedJob,
    outcome: oneshot::Sender<Outcome>,
}

impl GroupCommit {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            state: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Adds a job, alone or together with others that are being added; its id, or why it could not
    /// be added, whatever becomes of the others.
    pub(super) async fn add(self: &Arc<Self>, job: EncodedJob) -> Outcome {
        job.check_slots(&self.connection)?;
        if self.goes_alone() {
            // Boxed, since many adds are under way at once, and of those one at most is alone.
            return Box::pin(self.add_alone(job)).await;
        }
        // Whoever has the job tells of it, unless the runtime ends.
        let told = self.gather(job)?.await;
        told.unwrap_or_else(|_| Err(EngineError::Unavailable("the process ends".to_owned())))
    }

    /// Whether a job goes at once; its call is counted as in flight then.
    fn goes_alone(&self) -> bool {
        let mut state = self.lock();
        let is_alone = state.waiting.is_empty() && state.pace.in_flight() == 0;
        if is_alone {
            state.pace.sent(Instant::now());
        }
        is_alone
    }

    /// Puts a job with those that wait for their call.
    fn gather(
        self: &Arc<Self>,
        job: EncodedJob,
    ) -> Result<oneshot::Receiver<Outcome>, EngineError> {
        let mut state = self.lock();
        if state.waiting.len() >= MAX_WAITING {
            let reason = format!("{MAX_WAITING} jobs wait to be added");
            return Err(EngineError::Unavailable(reason));
        }
        let (outcome, told) = oneshot::channel();
        state.waiting.push(Waiting { job, outcome });
        self.send_gathered(&mut state);
        Ok(told)
    }

    async fn add_alone(self: &Arc<Self>, job: EncodedJob) -> Outcome {
        let mut call = InFlight::new(self);
        let result = producer::add(&self.connection, std::slice::from_ref(&job)).await;
        call.has_answer = result.is_ok();
        if let Err(error) = &result {
            self.give_up_waiting(error);
        }
        let mut results = result?;
        let result = results
            .pop()
            .ok_or_else(|| Decoder("add_jobs").unexpected("an id"))?;
        Ok(result?)
    }

    /// Sends those that wait, if a call may go. Far from the server, where several may go at once,
    /// those that an answer lets add again go together, instead of each alone until none may.
    fn send_gathered(self: &Arc<Self>, state: &mut State) {
        if !state.pace.is_far() {
            return self.send_if_due(state);
        }
        if !state.is_gathering {
            state.is_gathering = true;
            let this = Arc::clone(self);
            self.tasks.spawn(async move {
                let_others_go_on().await;
                let mut state = this.lock();
                state.is_gathering = false;
                this.send_if_due(&mut state);
            });
        }
    }

    /// Sends those that wait, if a call may go.
    fn send_if_due(self: &Arc<Self>, state: &mut State) {
        let now = Instant::now();
        while !state.waiting.is_empty() && state.pace.may_send(state.waiting.len(), FULL, now) {
            let batch = state.waiting.len().min(MAX_JOBS);
            let batch: Vec<_> = state.waiting.drain(..batch).collect();
            state.pace.sent(now);
            self.tasks.spawn(Arc::clone(self).add_together(batch));
        }
        if !state.waiting.is_empty()
            && !state.has_timer
            && let Some(chance) = state.pace.far_chance()
        {
            state.has_timer = true;
            let this = Arc::clone(self);
            self.tasks.spawn(async move {
                tokio::time::sleep_until(chance).await;
                let mut state = this.lock();
                state.has_timer = false;
                this.send_if_due(&mut state);
            });
        }
    }

    async fn add_together(self: Arc<Self>, batch: Vec<Waiting>) {
        let mut call = InFlight::new(&self);
        let (jobs, outcomes): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.job, waiting.outcome))
            .unzip();
        let results = producer::add(&self.connection, &jobs).await;
        call.has_answer = results.is_ok();
        if let Err(error) = &results {
            self.give_up_waiting(error);
        }
        drop(call);
        // Nobody listens any more where an add was given up.
        match results {
            Ok(results) => {
                for (outcome, result) in outcomes.into_iter().zip(results) {
                    let _ = outcome.send(result.map_err(EngineError::from));
                }
            }
            Err(error) => {
                for outcome in outcomes {
                    let _ = outcome.send(Err(error.to_other()));
                }
            }
        }
    }

    /// Tells those that wait too, or each batch of them would find out anew that nobody answers.
    fn give_up_waiting(&self, error: &EngineError) {
        if matches!(error, EngineError::Unavailable(_)) {
            for waiting in std::mem::take(&mut self.lock().waiting) {
                let _ = waiting.outcome.send(Err(error.to_other()));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole even if a holder panicked: no critical section leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight, which ends even if whoever made it gives up.
struct InFlight<'a> {
    of: &'a Arc<GroupCommit>,
    since: Instant,
    has_answer: bool,
}

impl<'a> InFlight<'a> {
    fn new(of: &'a Arc<GroupCommit>) -> Self {
        Self {
            of,
            since: Instant::now(),
            has_answer: false,
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state
            .pace
            .answered(self.has_answer.then(|| self.since.elapsed()));
        // Without a runtime there is nobody to send anything.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.of.send_if_due(&mut state);
        }
    }
}
