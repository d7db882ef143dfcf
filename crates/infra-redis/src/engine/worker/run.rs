//! The main loop of a worker.
//!
//! One task owns everything: which jobs are at work, which attempts have ended and wait to be
//! settled, which calls are in flight, and when to look at the queue next. Attempts run as tasks of
//! their own and are collected here; those that end while calls are in flight are settled together
//! by the next one.

mod wake;

use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ahead::Ahead;
use super::calls::{Answer, Call, Calls};
use super::leases::Leases;
use super::look::Look;
use super::renewal::LeaseKeeper;
use super::round::{Claim, Expects, Round};
use super::settlement::Settlement;
use super::slots::{Ended, Slots};
use super::waker::Waker;
use super::{JobOutcome, StopReport, WorkerSettings};
use crate::engine::cancel::is_cancelled;
use crate::engine::connection::Connection;
use crate::engine::error::ScriptError;
use crate::engine::keys::QueueKeys;
use crate::engine::pace::Pace;
use crate::engine::processor::Processor;
use crate::engine::turn::let_others_go_on;

/// The most settlements in one call, so that it never blocks the server for long; more would save
/// nothing.
const MAX_SETTLEMENTS: usize = 20;

/// The most jobs claimed by one call, for the same reason.
const MAX_CLAIMS: usize = 25;

/// Into how many calls the settlements of all jobs go at least. With two of them the server and the
/// worker may come to wait for each other in turn; with three there is always one for each.
const SHARES: usize = 3;

/// For how long a busy worker may not look for delayed jobs, which is how late it makes them.
const DUE_LATENESS: Duration = Duration::from_millis(20);

/// How often the loop turns at least.
const BEAT: Duration = Duration::from_secs(5);

/// How long jobs may take to be settled or handed back after the grace period.
const LAST_CALL: Duration = Duration::from_secs(5);

/// How long an attempt that was told to end may take to do so.
const LAST_BREATH: Duration = Duration::from_secs(1);

pub(super) struct Runner<P> {
    connection: Connection,
    keys: QueueKeys,
    settings: WorkerSettings,
    /// What makes this worker's tokens its own.
    identity: String,
    next_claim: u64,
    leases: Leases,
    slots: Slots<P>,
    calls: Calls,
    pace: Pace,
    ahead: Ahead,
    waker: Waker,
    /// Whether a job came since a sleep ended that nobody had ended.
    expects_more: bool,
    ended: Vec<Settlement>,
    look: Look,
    /// Whether the last look brought as many jobs as were asked for.
    has_plenty: bool,
    /// When delayed jobs were last looked for.
    looked_for_due: tokio::time::Instant,
    /// How many signals were heard that there is work.
    signals: u64,
    /// What was settled since the worker was told to stop.
    report: Option<StopReport>,
}

impl<P: Processor> Runner<P> {
    pub(super) fn new(
        connection: Connection,
        keys: QueueKeys,
        processor: P,
        settings: WorkerSettings,
        waker: Waker,
        keeper: &LeaseKeeper,
    ) -> Self {
        Self {
            identity: uuid::Uuid::new_v4().to_string(),
            next_claim: 0,
            leases: keeper.leases().clone(),
            slots: Slots::new(connection.clone(), keys.clone(), processor, &settings),
            calls: Calls::new(connection.clone(), keys.clone(), settings.clone()),
            pace: Pace::default(),
            ahead: Ahead::new(settings.look_ahead),
            waker,
            expects_more: false,
            ended: Vec::new(),
            look: Look::Now,
            has_plenty: false,
            looked_for_due: tokio::time::Instant::now(),
            signals: 0,
            report: None,
            connection,
            keys,
            settings,
        }
    }

    /// Works until `stop` is cancelled and everything at work has ended, or `now` is cancelled.
    pub(super) async fn run(
        mut self,
        keeper: LeaseKeeper,
        stop: CancellationToken,
        now: CancellationToken,
    ) -> StopReport {
        let mut beat = tokio::time::interval(BEAT);
        let mut stopping = pin!(stop.cancelled());
        let mut stopping_now = pin!(now.cancelled());
        loop {
            self.beat();
            self.collect_ended();
            if stop.is_cancelled() && self.report.is_none() {
                self.stop_claiming();
            }
            if now.is_cancelled()
                || (self.report.is_some() && self.is_idle() && !self.waker.is_asleep())
            {
                break;
            }
            while let Some(call) = self.next_call() {
                self.send(call, now.clone()).await;
            }
            self.rouse().await;
            self.sleep();
            let next_chance = self.next_chance();
            tokio::select! {
                // All arms are cancel-safe: what is not taken now is taken by a later turn. The
                // timers come last, since setting one costs more than looking for what has ended.
                biased;
                Some(answer) = self.calls.answer() => {
                    self.take(answer);
                    // Jobs that end at once are settled together, and before anything else.
                    let_others_go_on().await;
                }
                Some(ended) = self.slots.ended(&self.leases) => self.note_ended(ended),
                wake = self.waker.woken() => {
                    self.wake(wake, &now).await;
                    let_others_go_on().await;
                }
                () = &mut stopping_now => {}
                () = &mut stopping, if self.report.is_none() => {}
                () = self.look.is_due() => self.look = Look::Now,
                Some(()) = sleep_until_chance(next_chance) => {}
                // The loop shows that it is alive, however long its jobs take.
                _ = beat.tick() => {}
            }
        }
        if self.waker.is_asleep() {
            let wake = self.waker.woken().await;
            self.wake(wake, &now).await;
        }
        let report = self.end().await;
        self.waker.close().await;
        drop(keeper);
        report
    }

    /// Nothing is at work, and nothing has to be settled.
    fn is_idle(&self) -> bool {
        self.slots.jobs() == 0 && self.ended.is_empty() && self.calls.in_flight() == 0
    }

    /// How many jobs the worker may have: one a slot, and those it holds ahead of their turn.
    fn capacity(&self) -> usize {
        let slots = self.slots.concurrency();
        slots + self.ahead.jobs(slots, &self.pace)
    }

    /// How many jobs a call settles at most, so that calls can be on their way while the jobs of
    /// others are at work.
    fn batch(&self) -> usize {
        self.capacity().div_ceil(SHARES).min(MAX_SETTLEMENTS)
    }

    /// How many jobs the worker could take beside those it has and those that calls may bring.
    fn room(&self) -> usize {
        let taken = self.slots.jobs() + self.calls.claiming() + self.waker.claiming();
        self.capacity().saturating_sub(taken)
    }

    /// How many jobs the next call should claim.
    fn wanted(&self) -> usize {
        let may_look = match self.look {
            _ if self.report.is_some() => false,
            Look::Now => true,
            // A call that settles looks as well: it costs little and finds what was not announced.
            Look::Later(_) => !self.ended.is_empty(),
            Look::NotBefore(time) => tokio::time::Instant::now() >= time,
        };
        // A call that settles claims no more than one settles: if it took all there is room for,
        // all jobs would come at once, and the server would have nothing to do while they run.
        let most = if self.ended.is_empty() {
            MAX_CLAIMS
        } else {
            self.batch()
        };
        if may_look { self.room().min(most) } else { 0 }
    }

    /// When a call may go that may not go yet; absent if there is none.
    fn next_chance(&self) -> Option<tokio::time::Instant> {
        let has_something = !self.ended.is_empty() || self.wanted() > 0;
        self.pace.next_chance().filter(|_| has_something)
    }

    /// The next call, if there is something to settle or to claim, and it may go now.
    fn next_call(&mut self) -> Option<Call> {
        let wanted = self.wanted();
        if wanted == 0 && self.ended.is_empty() {
            return None;
        }
        let full = self.batch();
        let now = tokio::time::Instant::now();
        // Where plenty waits, slots that are free fill a call as well as attempts that have ended do. If
        // those alone counted, a worker that is answered fast would never come to use all its slots.
        let claims = if self.has_plenty { wanted } else { 0 };
        if !self.pace.may_send(self.ended.len().max(claims), full, now) {
            return None;
        }
        let batch = self.ended.len().min(self.batch());
        Some(Call {
            settlements: self.ended.drain(..batch).collect(),
            claim: self.claim(wanted),
            expects: self.expected(now),
            signals: self.signals,
        })
    }

    /// What a call that is made now can be told to spare the server commands.
    fn expected(&mut self, now: tokio::time::Instant) -> Expects {
        let is_limited = self.settings.rate_limit.is_some();
        match self.look {
            Look::Later(None) if !is_limited => Expects::NothingMore,
            Look::Now if self.has_plenty && now < self.looked_for_due + DUE_LATENESS => {
                Expects::Plenty
            }
            _ => {
                self.looked_for_due = now;
                Expects::Anything
            }
        }
    }

    async fn send(&mut self, call: Call, give_up: CancellationToken) {
        self.pace.sent(tokio::time::Instant::now());
        self.calls.make(call, give_up).await;
    }

    fn claim(&mut self, jobs: usize) -> Claim {
        let token = format!("{}:{}", self.identity, self.next_claim);
        self.next_claim += 1;
        Claim { jobs, token }
    }

    fn collect_ended(&mut self) {
        while let Some(ended) = self.slots.try_ended(&self.leases) {
            self.note_ended(ended);
        }
    }

    fn note_ended(&mut self, ended: Ended) {
        let Ended {
            job,
            started,
            result,
        } = ended;
        self.ended.push(match result {
            Some(result) => {
                self.ahead.worked(started.elapsed());
                // Only what is tried again has a use for chance.
                let random = if result.is_err() {
                    random_fraction()
                } else {
                    0.0
                };
                Settlement::decide(job, result, started, &self.settings, random)
            }
            None => Settlement::hand_back(job, started),
        });
    }

    /// Takes what a call brought.
    fn take(&mut self, answer: Answer) {
        self.pace.answered(answer.took);
        let Answer {
            call,
            round,
            asked_at,
            ..
        } = answer;
        let Some(round) = round else {
            let settlements = call.settlements.into_iter();
            let given_up = settlements.map(Settlement::given_up);
            self.ended.splice(0..0, given_up);
            return;
        };
        self.note_settled(&call, &round);
        self.take_round(&call, round, asked_at);
    }

    fn take_round(&mut self, call: &Call, round: Round, asked_at: tokio::time::Instant) {
        if call.claim.jobs > 0 {
            self.has_plenty = round.jobs.len() >= call.claim.jobs;
            // A signal that came since may be about what this call did not see.
            self.look = if self.signals == call.signals {
                Look::after(&round, call.claim.jobs)
            } else {
                Look::Now
            };
        }
        self.expects_more |= !round.jobs.is_empty();
        for job in round.jobs {
            self.slots.take(job, &self.leases, asked_at);
        }
    }

    fn note_settled(&mut self, call: &Call, round: &Round) {
        for (settlement, result) in call.settlements.iter().zip(&round.settled) {
            if let Err(refusal) = result
                && let Some(instead) =
                    settlement.instead(refusal, &self.settings, random_fraction())
            {
                // It keeps its lock until then.
                self.ended.push(instead);
                continue;
            }
            self.leases.remove(&settlement.id, &settlement.token);
            let outcome = match result {
                Ok(()) => settlement.outcome,
                // Its lock is gone because the call whose answer was lost has settled it.
                Err(ScriptError::LockMissing { .. } | ScriptError::JobMissing { .. })
                    if call.expects == Expects::LostCall || settlement.may_be_recorded =>
                {
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
            self.tell(settlement, outcome);
        }
    }

    fn tell(&mut self, settlement: &Settlement, outcome: JobOutcome) {
        let queue = self.keys.queue().name();
        let (id, reason) = (&settlement.id, settlement.reason());
        match outcome {
            JobOutcome::Retried if !reason.is_empty() => info!(
                queue.name = queue,
                job.id = %id,
                "An attempt at job {id} failed and will be made again: {reason}"
            ),
            // Nobody has to look into what somebody wanted.
            JobOutcome::Failed if is_cancelled(reason) => info!(
                queue.name = queue,
                job.id = %id,
                "Job {id} failed for good: {reason}"
            ),
            JobOutcome::Failed => error!(
                queue.name = queue,
                job.id = %id,
                "Job {id} failed for good: {reason}"
            ),
            _ => {}
        }
        if let Some(observer) = &self.settings.observer {
            observer.attempt_ended(outcome, settlement.started.elapsed());
        }
        match (&mut self.report, outcome) {
            (None, _) | (_, JobOutcome::Lost) => {}
            (Some(report), JobOutcome::HandedBack) => report.handed_back += 1,
            (Some(report), _) => report.finished += 1,
        }
    }

    /// Claims no more jobs, and hands back those that were held for later.
    fn stop_claiming(&mut self) {
        self.report = Some(StopReport::default());
        self.waker.end();
        for ended in self.slots.give_up_ahead() {
            self.note_ended(ended);
        }
    }

    /// Ends what is still at work, and settles or hands back as much as possible.
    async fn end(&mut self) -> StopReport {
        if self.report.is_none() {
            self.stop_claiming();
        }
        self.slots.abort();
        let last_breath = tokio::time::sleep(LAST_BREATH);
        tokio::pin!(last_breath);
        while self.slots.at_work() > 0 {
            tokio::select! {
                Some(ended) = self.slots.ended(&self.leases) => self.note_ended(ended),
                // A processor that blocks its thread can't be ended. Its job keeps its lock, or it
                // might be performed twice at the same time.
                () = &mut last_breath => break,
            }
        }
        // What could not be settled in time counts as abandoned.
        let _ = tokio::time::timeout(LAST_CALL, self.settle_all()).await;
        let mut report = self.report.take().unwrap_or_default();
        report.abandoned = self.slots.jobs() + self.ended.len() + self.calls.settling();
        report
    }

    /// Waits for the calls in flight, and settles everything that has ended.
    async fn settle_all(&mut self) {
        loop {
            while let Some(answer) = self.calls.answer().await {
                self.take(answer);
            }
            // What a call brought in the last moment goes back.
            for ended in self.slots.give_up_ahead() {
                self.note_ended(ended);
            }
            if self.ended.is_empty() {
                return;
            }
            let batch = self.ended.len().min(MAX_SETTLEMENTS);
            let call = Call {
                settlements: self.ended.drain(..batch).collect(),
                claim: self.claim(0),
                expects: Expects::Anything,
                signals: self.signals,
            };
            self.send(call, CancellationToken::new()).await;
        }
    }

    fn beat(&self) {
        if let Some(observer) = &self.settings.observer {
            observer.beat();
        }
    }
}

async fn sleep_until_chance(chance: Option<tokio::time::Instant>) -> Option<()> {
    tokio::time::sleep_until(chance?).await;
    Some(())
}

/// From 0 up to 1; 1 if the system has no randomness, which only takes the jitter away.
pub(super) fn random_fraction() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}
