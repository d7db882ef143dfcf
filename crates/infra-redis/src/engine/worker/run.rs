//! The main loop of a worker.
//!
//! One task owns everything: which jobs are at work, which attempts have ended and wait to be
//! settled, and when to look at the queue next. Attempts run as tasks of their own and are
//! collected here; those that end while a call is in flight are settled together by the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::attempt::perform;
use super::leases::{LeaseKeeper, Leases};
use super::settlement::{Repeats, Round, Settlement, settle_and_fetch};
use super::waker::{Wake, Waker};
use super::{JobOutcome, StopReport, WorkerSettings};
use crate::engine::clock;
use crate::engine::connection::Connection;
use crate::engine::error::ScriptError;
use crate::engine::job::Fetched;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::processor::{JobContext, JobError, Processor};

/// The most settlements in one call, so that it never blocks the server for long.
const MAX_SETTLEMENTS: usize = 50;

/// The most jobs claimed by one call, for the same reason.
const MAX_CLAIMS: usize = 50;

/// The longest sleep while the rate limit lets no job start.
const MAX_RATE_LIMIT_SLEEP: Duration = Duration::from_secs(30);

/// How often the loop turns at least.
const BEAT: Duration = Duration::from_secs(5);

/// The waits between calls while Valkey is away.
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// How long jobs may take to be settled or handed back after the grace period.
const LAST_CALL: Duration = Duration::from_secs(5);

/// How long an attempt that was told to end may take to do so.
const LAST_BREATH: Duration = Duration::from_secs(1);

pub(super) struct Runner<P> {
    connection: Connection,
    keys: QueueKeys,
    processor: Arc<P>,
    settings: WorkerSettings,
    /// What makes this worker's tokens its own.
    identity: String,
    next_token: u64,
    attempts: JoinSet<Result<String, JobError>>,
    at_work: HashMap<Id, AtWork>,
    ended: Vec<Settlement>,
}

struct AtWork {
    job: Arc<Fetched>,
    started: Instant,
    cancellation: CancellationToken,
}

/// When to look for jobs next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// Now, if there is a free slot.
    Now,
    /// When woken, or at this time at the latest.
    Later(Option<tokio::time::Instant>),
    /// Not before this time, whatever happens.
    NotBefore(tokio::time::Instant),
}

impl<P: Processor> Runner<P> {
    pub(super) fn new(
        connection: Connection,
        keys: QueueKeys,
        processor: Arc<P>,
        settings: WorkerSettings,
    ) -> Self {
        Self {
            connection,
            keys,
            processor,
            settings,
            identity: uuid::Uuid::new_v4().to_string(),
            next_token: 0,
            attempts: JoinSet::new(),
            at_work: HashMap::new(),
            ended: Vec::new(),
        }
    }

    /// Works until `stop` is cancelled and everything at work has ended, or `now` is cancelled.
    pub(super) async fn run(
        mut self,
        mut waker: Waker,
        keeper: LeaseKeeper,
        stop: CancellationToken,
        now: CancellationToken,
    ) -> StopReport {
        let leases = keeper.leases();
        let mut look = Look::Now;
        let mut report = StopReport::default();
        loop {
            self.beat();
            self.collect_ended();
            let stopping = stop.is_cancelled();
            if now.is_cancelled() || (stopping && self.at_work.is_empty() && self.ended.is_empty())
            {
                break;
            }
            let wanted = if stopping { 0 } else { self.wanted(look) };
            if wanted > 0 || !self.ended.is_empty() {
                let settled = self.call(wanted, leases, &now, &mut look).await;
                if stopping {
                    report.finished += settled;
                }
                continue;
            }
            if matches!(look, Look::Later(_)) && !stopping {
                waker.sleep();
            }
            tokio::select! {
                // All arms are cancel-safe: an attempt or a wake that is not taken now is taken
                // by the next turn.
                Some(ended) = self.attempts.join_next_with_id() => self.note_ended(ended),
                wake = waker.woken() => self.wake(wake, &mut look).await,
                () = sleep_until(look) => look = Look::Now,
                () = stop.cancelled(), if !stopping => {}
                () = now.cancelled() => {}
                // The loop shows that it is alive, however long its jobs take.
                () = tokio::time::sleep(BEAT) => {}
            }
        }
        self.end(leases, &mut report).await;
        self.pass_on(waker.stop().await).await;
        report
    }

    fn free_slots(&self) -> usize {
        self.settings
            .concurrency
            .max(1)
            .saturating_sub(self.at_work.len())
    }

    /// How many jobs the next call should claim.
    fn wanted(&self, look: Look) -> usize {
        let may_look = match look {
            Look::Now => true,
            // A call that settles looks as well: it costs little and finds what was not announced.
            Look::Later(_) => !self.ended.is_empty(),
            Look::NotBefore(time) => tokio::time::Instant::now() >= time,
        };
        if may_look {
            self.free_slots().min(MAX_CLAIMS)
        } else {
            0
        }
    }

    async fn wake(&mut self, wake: Wake, look: &mut Look) {
        match wake {
            Wake::Work if self.free_slots() == 0 => {
                self.pass_on(wake).await;
                *look = Look::Now;
            }
            Wake::Work | Wake::Nothing => {
                if !matches!(look, Look::NotBefore(_)) {
                    *look = Look::Now;
                }
            }
            Wake::At(due) => {
                if let Look::Later(at) = look {
                    let due = instant_of(due);
                    *look = Look::Later(Some(at.map_or(due, |at| at.min(due))));
                }
            }
        }
    }

    /// Gives a signal back that can't be used here: another worker may be idle.
    async fn pass_on(&self, wake: Wake) {
        let (score, member) = match wake {
            Wake::Nothing => return,
            Wake::Work => ("0".to_owned(), "0"),
            Wake::At(due) => (due.to_string(), "1"),
        };
        let args = vec![self.keys.of(Suffix::Marker), score, member.to_owned()];
        if let Err(error) = self.connection.command("ZADD", args).await {
            debug!(%error, "A wake-up could not be passed on");
        }
    }

    /// Settles what has ended and claims up to `wanted` jobs; how many settlements took effect.
    async fn call(
        &mut self,
        wanted: usize,
        leases: &Leases,
        give_up: &CancellationToken,
        look: &mut Look,
    ) -> usize {
        let batch = self.ended.len().min(MAX_SETTLEMENTS);
        let settlements: Vec<_> = self.ended.drain(..batch).collect();
        let mut backoff = MIN_BACKOFF;
        let tokens = self.tokens(wanted);
        let mut repeats = Repeats::Nothing;
        loop {
            let asked_at = tokio::time::Instant::now();
            let result = settle_and_fetch(
                &self.connection,
                &self.keys,
                &self.settings,
                &settlements,
                &tokens,
                repeats,
            );
            match result.await {
                Ok(round) => {
                    let settled = self.note_settled(&settlements, &round, repeats, leases);
                    if wanted > 0 {
                        *look = next_look(&round, wanted);
                    }
                    for job in round.jobs {
                        self.start(job, leases, asked_at);
                    }
                    return settled;
                }
                Err(error) => {
                    warn!(queue.name = self.keys.queue().name(), %error, "The queue can't be reached; trying again");
                    self.beat();
                    repeats = Repeats::LostCall;
                    let wait = tokio::time::sleep(backoff);
                    if give_up.run_until_cancelled(wait).await.is_none() {
                        self.ended.splice(0..0, settlements);
                        return 0;
                    }
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
        }
    }

    fn tokens(&mut self, count: usize) -> Vec<String> {
        let first = self.next_token;
        self.next_token += count as u64;
        (first..self.next_token)
            .map(|n| format!("{}:{n}", self.identity))
            .collect()
    }

    fn start(&mut self, job: Fetched, leases: &Leases, asked_at: tokio::time::Instant) {
        let cancellation = leases.add(&job.id, &job.token, asked_at);
        let job = Arc::new(job);
        let context = JobContext::new(
            self.connection.clone(),
            self.keys.clone(),
            Arc::clone(&job),
            cancellation.clone(),
        );
        let span = info_span!(
            "job.process",
            queue.name = self.keys.queue().name(),
            job.id = %job.id,
            job.name = job.name.as_deref().unwrap_or_default(),
            job.attempt = job.attempts_made + 1,
        );
        let attempt = perform(Arc::clone(&self.processor), Arc::clone(&job), context);
        let handle = self.attempts.spawn(attempt.instrument(span));
        let at_work = AtWork {
            job,
            started: Instant::now(),
            cancellation,
        };
        self.at_work.insert(handle.id(), at_work);
    }

    fn collect_ended(&mut self) {
        while let Some(ended) = self.attempts.try_join_next_with_id() {
            self.note_ended(ended);
        }
    }

    fn note_ended(&mut self, ended: Result<(Id, Result<String, JobError>), JoinError>) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Some(result)),
            Err(error) if error.is_panic() => {
                let id = error.id();
                let reason = panic_text(error.into_panic().as_ref());
                (id, Some(Err(JobError::transient(reason))))
            }
            Err(error) => (error.id(), None),
        };
        let Some(AtWork { job, started, .. }) = self.at_work.remove(&id) else {
            return;
        };
        self.ended.push(match result {
            Some(result) => {
                let random = random_fraction();
                Settlement::decide(job, result, started, &self.settings, random)
            }
            None => Settlement::hand_back(job, started),
        });
    }

    fn note_settled(
        &mut self,
        settlements: &[Settlement],
        round: &Round,
        repeats: Repeats,
        leases: &Leases,
    ) -> usize {
        let mut took_effect = 0;
        for (settlement, result) in settlements.iter().zip(&round.settled) {
            if let Err(refusal) = result
                && let Some(instead) =
                    settlement.instead(refusal, &self.settings, random_fraction())
            {
                // It keeps its lock until then.
                self.ended.push(instead);
                continue;
            }
            leases.remove(&settlement.id, &settlement.token);
            let outcome = match result {
                Ok(()) => {
                    took_effect += 1;
                    settlement.outcome
                }
                // Its lock is gone because the call whose answer was lost has settled it.
                Err(ScriptError::LockMissing { .. } | ScriptError::JobMissing { .. })
                    if repeats == Repeats::LostCall =>
                {
                    took_effect += 1;
                    settlement.outcome
                }
                Err(error) => {
                    warn!(
                        queue.name = self.keys.queue().name(),
                        job.id = %settlement.id,
                        "The outcome of job {} was not recorded: {error}", settlement.id
                    );
                    JobOutcome::Lost
                }
            };
            if outcome == JobOutcome::Retried && !settlement.reason().is_empty() {
                info!(
                    queue.name = self.keys.queue().name(),
                    job.id = %settlement.id,
                    "An attempt at job {} failed and will be made again: {}",
                    settlement.id, settlement.reason()
                );
            }
            if outcome == JobOutcome::Failed {
                error!(
                    queue.name = self.keys.queue().name(),
                    job.id = %settlement.id,
                    "Job {} failed for good: {}", settlement.id, settlement.reason()
                );
            }
            if let Some(observer) = &self.settings.observer {
                observer.attempt_ended(outcome, settlement.started.elapsed());
            }
        }
        took_effect
    }

    /// Ends what is still at work, and settles or hands back as much as possible.
    async fn end(&mut self, leases: &Leases, report: &mut StopReport) {
        for at_work in self.at_work.values() {
            at_work.cancellation.cancel();
        }
        self.attempts.abort_all();
        let last_breath = tokio::time::sleep(LAST_BREATH);
        tokio::pin!(last_breath);
        while !self.at_work.is_empty() {
            tokio::select! {
                Some(ended) = self.attempts.join_next_with_id() => self.note_ended(ended),
                // A processor that blocks its thread can't be ended. Its job keeps its lock, or it
                // might be performed twice at the same time.
                () = &mut last_breath => break,
            }
        }
        let give_up = CancellationToken::new();
        let deadline = tokio::time::sleep(LAST_CALL);
        tokio::pin!(deadline);
        let mut look = Look::Now;
        while !self.ended.is_empty() {
            let batch = self.ended.len().min(MAX_SETTLEMENTS);
            let is_handed_back = |s: &&Settlement| s.outcome == JobOutcome::HandedBack;
            let handed_back = self.ended[..batch].iter().filter(is_handed_back).count();
            tokio::select! {
                settled = self.call(0, leases, &give_up, &mut look) => {
                    report.handed_back += handed_back.min(settled);
                    report.finished += settled.saturating_sub(handed_back);
                }
                () = &mut deadline => {
                    report.abandoned += batch;
                    break;
                }
            }
        }
        report.abandoned += self.at_work.len() + self.ended.len();
    }

    fn beat(&self) {
        if let Some(observer) = &self.settings.observer {
            observer.beat();
        }
    }
}

/// When to look next, from what the last look brought.
fn next_look(round: &Round, wanted: usize) -> Look {
    if let Some(wait) = round.rate_limited {
        return Look::NotBefore(tokio::time::Instant::now() + wait.min(MAX_RATE_LIMIT_SLEEP));
    }
    // A call that got all it asked for may have left more.
    if round.jobs.len() >= wanted {
        return Look::Now;
    }
    Look::Later(round.next_due.map(instant_of))
}

fn instant_of(unix_millis: f64) -> tokio::time::Instant {
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
    let wait = (unix_millis - clock::now() as f64).max(0.0);
    let wait = Duration::try_from_secs_f64(wait / 1000.0).unwrap_or(MAX_RATE_LIMIT_SLEEP);
    tokio::time::Instant::now() + wait
}

async fn sleep_until(look: Look) {
    match look {
        Look::NotBefore(time) | Look::Later(Some(time)) => tokio::time::sleep_until(time).await,
        Look::Now | Look::Later(None) => std::future::pending().await,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "the processor panicked: {}",
        text.unwrap_or("without a text")
    )
}

/// From 0 up to 1; 1 if the system has no randomness, which only takes the jitter away.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}
