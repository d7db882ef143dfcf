//! What becomes of a job after an attempt, and the call that says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::backoff::FailedAttempt;
use crate::engine::clock;
use crate::engine::connection::{Args, BlockingConnection, Connection};
use crate::engine::error::{EngineError, ScriptError};
use crate::engine::job::Fetched;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::options::{KeepLimits, StoredBackoff, millis};
use crate::engine::processor::{Failure, JobError};
use crate::engine::reply::{Decoder, Reply};
use crate::engine::scripts::SETTLE_AND_FETCH;

use super::{JobOutcome, WorkerSettings};

/// A job whose attempt ended.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) outcome: JobOutcome,
    pub(super) started: Instant,
    /// Whether a call that was given up may have recorded it already.
    pub(super) may_be_recorded: bool,
    job: Arc<Fetched>,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Complete {
        value: String,
        keep: KeepLimits,
    },
    Fail {
        failed: Failed,
        attempts: u32,
        keep: KeepLimits,
    },
    RetryNow {
        failed: Failed,
        lifo: bool,
    },
    RetryLater {
        failed: Failed,
        delay: Duration,
    },
    PutOff {
        delay: Duration,
    },
    WaitForChildren,
    Limit {
        delay: Duration,
    },
    HandBack,
}

/// What is stored of a failed attempt.
#[derive(Debug, Clone)]
struct Failed {
    reason: String,
    /// The traces of all attempts, as a JSON array.
    traces: String,
    /// The trace context of this attempt; empty if there is none.
    telemetry: String,
}

impl Settlement {
    /// Decides what becomes of a job from how its attempt ended.
    pub(super) fn decide(
        job: Arc<Fetched>,
        result: Result<String, JobError>,
        started: Instant,
        settings: &WorkerSettings,
        random: f64,
    ) -> Self {
        let (outcome, change) = match result {
            Ok(value) => {
                let keep = keep(&job, settings, JobOutcome::Completed);
                (JobOutcome::Completed, Change::Complete { value, keep })
            }
            Err(JobError::NotYet(delay)) => (JobOutcome::Retried, Change::PutOff { delay }),
            Err(JobError::WaitForChildren) => (JobOutcome::Retried, Change::WaitForChildren),
            Err(JobError::RateLimited(delay)) => (JobOutcome::Retried, Change::Limit { delay }),
            Err(JobError::Permanent(failure)) => fail(&job, &failure, settings),
            Err(JobError::Transient(failure)) => retry(&job, &failure, settings, None, random),
            Err(JobError::RetryAfter(failure, wait)) => {
                retry(&job, &failure, settings, Some(wait), random)
            }
        };
        Self {
            id: job.id.clone(),
            token: job.token.clone(),
            outcome,
            started,
            may_be_recorded: false,
            job,
            change,
        }
    }

    /// Gives a job back that could not end.
    pub(super) fn hand_back(job: Arc<Fetched>, started: Instant) -> Self {
        Self {
            id: job.id.clone(),
            token: job.token.clone(),
            outcome: JobOutcome::HandedBack,
            started,
            may_be_recorded: false,
            job,
            change: Change::HandBack,
        }
    }

    /// The same after a call with it was given up, which may have been performed.
    pub(super) fn given_up(self) -> Self {
        Self {
            may_be_recorded: true,
            ..self
        }
    }

    /// What becomes of a job instead whose outcome was refused because of its children; absent if
    /// the worker has lost it.
    pub(super) fn instead(
        &self,
        refusal: &ScriptError,
        settings: &WorkerSettings,
        random: f64,
    ) -> Option<Self> {
        let error = match refusal {
            // Another attempt finds the children further on.
            ScriptError::PendingChildren { .. } => JobError::transient(refusal.to_string()),
            ScriptError::FailedChildren { .. } => JobError::permanent(refusal.to_string()),
            _ => return None,
        };
        let job = Arc::clone(&self.job);
        Some(Self::decide(
            job,
            Err(error),
            self.started,
            settings,
            random,
        ))
    }

    /// Why the attempt failed; empty if it did not.
    pub(super) fn reason(&self) -> &str {
        match &self.change {
            Change::Fail { failed, .. }
            | Change::RetryNow { failed, .. }
            | Change::RetryLater { failed, .. } => &failed.reason,
            Change::Complete { .. }
            | Change::PutOff { .. }
            | Change::WaitForChildren
            | Change::Limit { .. }
            | Change::HandBack => "",
        }
    }

    /// What `settle_and_fetch` takes for a job.
    fn write(&self, args: &mut Args) {
        let mut head = |kind: &str| args.extend([kind, &self.id, &self.token]);
        match &self.change {
            Change::Complete { value, keep } => {
                head("completed");
                args.text(value);
                args.display(keep);
            }
            Change::Fail {
                failed,
                attempts,
                keep,
            } => {
                head("failed");
                failed.write(args);
                args.display(attempts);
                args.display(keep);
            }
            Change::RetryNow { failed, lifo } => {
                head("retry");
                failed.write(args);
                args.display(u8::from(*lifo));
            }
            Change::RetryLater { failed, delay } => {
                head("delay");
                failed.write(args);
                args.display(millis(*delay));
            }
            Change::PutOff { delay } => {
                head("put-off");
                args.display(millis(*delay));
            }
            Change::Limit { delay } => {
                head("limit");
                args.display(millis(*delay));
            }
            Change::WaitForChildren => head("wait-for-children"),
            Change::HandBack => head("release"),
        }
    }
}

impl Failed {
    fn write(&self, args: &mut Args) {
        args.extend([&self.reason, &self.traces, &self.telemetry]);
    }
}

fn keep(job: &Fetched, settings: &WorkerSettings, outcome: JobOutcome) -> KeepLimits {
    let own = job.options.as_ref().ok().and_then(|options| match outcome {
        JobOutcome::Completed => options.remove_on_complete.as_ref(),
        _ => options.remove_on_fail.as_ref(),
    });
    let default = match outcome {
        JobOutcome::Completed => settings.keep_completed,
        _ => settings.keep_failed,
    };
    own.map_or_else(|| default.into(), KeepLimits::from)
}

fn fail(job: &Fetched, failure: &Failure, settings: &WorkerSettings) -> (JobOutcome, Change) {
    let change = Change::Fail {
        failed: failed(job, failure),
        attempts: job.options.as_ref().map_or(0, |options| options.attempts),
        keep: keep(job, settings, JobOutcome::Failed),
    };
    (JobOutcome::Failed, change)
}

fn retry(
    job: &Fetched,
    failure: &Failure,
    settings: &WorkerSettings,
    wait: Option<Duration>,
    random: f64,
) -> (JobOutcome, Change) {
    let attempt = job.attempts_made + 1;
    let options = match &job.options {
        Ok(options) if attempt < options.attempts => options,
        _ => return fail(job, failure, settings),
    };
    let delay = match (wait, &options.backoff) {
        (Some(wait), _) => wait,
        (None, None) => Duration::ZERO,
        (None, Some(backoff)) => match own_wait(job, backoff, failure, settings, random) {
            Ok(Some(delay)) => delay,
            Ok(None) => return fail(job, failure, settings),
            Err(problem) => {
                let reason = format!(
                    "{} (and the job can't be tried again: {problem})",
                    failure.reason
                );
                return fail(job, &Failure::from(reason), settings);
            }
        },
    };
    let failed = failed(job, failure);
    let change = if delay.is_zero() {
        let lifo = options.lifo.unwrap_or(false);
        Change::RetryNow { failed, lifo }
    } else {
        Change::RetryLater { failed, delay }
    };
    (JobOutcome::Retried, change)
}

/// The wait that the job's backoff asks for; absent if the worker's own strategy wants no other
/// attempt. Fails with what is wrong with the backoff.
fn own_wait(
    job: &Fetched,
    backoff: &StoredBackoff,
    failure: &Failure,
    settings: &WorkerSettings,
    random: f64,
) -> Result<Option<Duration>, String> {
    let attempt = job.attempts_made + 1;
    let backoff = match backoff {
        StoredBackoff::Known(backoff) => backoff,
        StoredBackoff::Other(value) => return Err(format!("{value} is not a backoff")),
    };
    let Some((strategy, base)) = backoff.strategy() else {
        return Ok(backoff.delay(attempt, random));
    };
    let Some(own) = &settings.backoff else {
        return Err(format!(
            "its backoff strategy `{strategy}` is unknown to this worker"
        ));
    };
    Ok(own.delay(&FailedAttempt {
        strategy,
        base,
        attempt,
        job_id: &job.id,
        job_name: job.name.as_deref().unwrap_or_default(),
        data: job.data.as_deref().unwrap_or("{}"),
        reason: &failure.reason,
    }))
}

fn failed(job: &Fetched, failure: &Failure) -> Failed {
    let mut traces = job.stack_traces.clone();
    traces.push(failure.trace.clone());
    let limit = job
        .options
        .as_ref()
        .ok()
        .and_then(|options| options.stack_trace_limit);
    if let Some(limit) = limit {
        let surplus = traces.len().saturating_sub(limit as usize);
        traces.drain(..surplus);
    }
    Failed {
        telemetry: failure.telemetry.clone().unwrap_or_default(),
        reason: failure.reason.clone(),
        // Texts always have a JSON form.
        traces: serde_json::to_string(&traces).unwrap_or_else(|_| "[]".to_owned()),
    }
}

/// What one call brought.
#[derive(Debug)]
pub(super) struct Round {
    /// For each settlement, whether it took effect.
    pub(super) settled: Vec<Result<(), ScriptError>>,
    /// The jobs claimed.
    pub(super) jobs: Vec<Fetched>,
    /// How long the rate limit lets no job start.
    pub(super) rate_limited: Option<Duration>,
    /// When the next delayed job is due, in Unix milliseconds; only told when fewer jobs came than
    /// were asked for.
    pub(super) next_due: Option<f64>,
}

/// What a call is made for beside what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expects {
    /// There may be jobs to claim.
    Anything,
    /// The last look brought fewer jobs than were asked for, and nobody has told of more since.
    NothingMore,
    /// The last look brought as many jobs as were asked for, and delayed jobs were looked for just
    /// before.
    Plenty,
    /// The same call was made, and its answer was lost.
    LostCall,
    /// It stands behind a sleep and is performed when that ends, which nobody can tell beforehand.
    EndOfSleep,
}

/// How many jobs a call claims at most, and the token of the first; the others' have their number
/// behind it, from 2. No two calls have the same.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) jobs: usize,
    pub(super) token: String,
}

/// Ends the work on jobs and claims others, in one call.
///
/// If the answer is lost, the same settlements and claim may be sent again: those settlements that
/// took effect then fail with a missing lock, and the jobs claimed are given out again.
pub(super) async fn settle_and_fetch(
    connection: &Connection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
    settlements: &[Settlement],
    claim: &Claim,
    expects: Expects,
) -> Result<Round, EngineError> {
    let reply = SETTLE_AND_FETCH
        .call_for(connection, &[keys], |args| {
            write_args(args, keys, settings, settlements, claim, expects);
        })
        .await?;
    decode(reply, settlements)
}

/// Brings the script to a server that may not have it, which takes the server longer than the script
/// does: a worker's first jobs, and whoever else is served, would wait for both at once.
pub(super) async fn bring_script(
    connection: &Connection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
) {
    let nothing = Claim {
        jobs: 0,
        token: String::new(),
    };
    let brought = settle_and_fetch(connection, keys, settings, &[], &nothing, Expects::Anything);
    // What is wrong is told of by the first call that has something to do.
    let _ = brought.await;
}

/// Sleeps on `connection` until somebody tells of jobs, at most `limit`, and claims them in the same
/// round trip: the claim stands behind the sleep, and the server performs it when that ends.
///
/// Returns the score of what was told, and what the claim brought. If its answer is lost, the claim may
/// be made again.
pub(super) async fn sleep_and_fetch(
    connection: &BlockingConnection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
    limit: Duration,
    claim: &Claim,
) -> (Option<f64>, Result<Round, EngineError>) {
    let args = SETTLE_AND_FETCH.args(&[keys], |args| {
        write_args(args, keys, settings, &[], claim, Expects::EndOfSleep);
    });
    let marker = keys.of(Suffix::Marker);
    let (told, reply) = connection.pop_min_and_call(&marker, limit, args).await;
    (told, reply.and_then(|reply| decode(reply, &[])))
}

fn write_args(
    args: &mut Args,
    keys: &QueueKeys,
    settings: &WorkerSettings,
    settlements: &[Settlement],
    claim: &Claim,
    expects: Expects,
) {
    args.text(keys.base());
    args.display(clock::now());
    args.display(millis(settings.lock_duration));
    args.text(settings.name.as_deref().unwrap_or_default());
    args.text(&limits(settings));
    args.text(match expects {
        Expects::Anything => "",
        Expects::EndOfSleep => "asleep",
        Expects::LostCall => "lost",
        Expects::NothingMore => "quiet",
        Expects::Plenty => "busy",
    });
    args.display(claim.jobs);
    args.display(settlements.len());
    for settlement in settlements {
        settlement.write(args);
    }
    args.text(&claim.token);
}

/// The worker's own limits, as the script takes them.
fn limits(settings: &WorkerSettings) -> String {
    let (limit, points) = (settings.rate_limit, settings.metrics_points);
    if limit.is_none() && points.is_none() {
        return String::new();
    }
    let text = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    format!(
        "{}:{}:{}",
        text(limit.map(|limit| limit.max.into())),
        text(limit.map(|limit| millis(limit.window))),
        text(points.map(u64::from)),
    )
}

fn decode(reply: Reply, settlements: &[Settlement]) -> Result<Round, EngineError> {
    let decoder = Decoder("settle_and_fetch");
    let mut items = decoder.list(reply)?;
    let (Some(due), Some(ttl)) = (items.pop(), items.pop()) else {
        return Err(decoder.unexpected("two times"));
    };
    let Some(count) = items.len().checked_sub(settlements.len()) else {
        return Err(decoder.unexpected("a code for each settled job"));
    };
    let codes = items.split_off(count);
    let settled = codes
        .into_iter()
        .zip(settlements)
        .map(|(code, settlement)| {
            let operation = match settlement.change {
                Change::Complete { .. } | Change::Fail { .. } => "moveToFinished",
                Change::RetryNow { .. } => "retryJob",
                Change::RetryLater { .. } | Change::PutOff { .. } => "moveToDelayed",
                Change::WaitForChildren => "moveToWaitingChildren",
                Change::HandBack | Change::Limit { .. } => "moveJobFromActiveToWait",
            };
            let id = &settlement.id;
            Ok(match code {
                Reply::Int(0..) => Ok(()),
                Reply::Text(reason) => Err(ScriptError::Faulty {
                    id: id.clone(),
                    operation,
                    reason,
                }),
                code => {
                    let code = decoder.int(&code)?;
                    Err(ScriptError::from_code(code, id, operation, "active"))
                }
            })
        });
    let settled = settled.collect::<Result<_, EngineError>>()?;
    let mut items = items.into_iter();
    let mut jobs = Vec::new();
    while items.len() > 0 {
        jobs.push(Fetched::decode(decoder, &mut items)?);
    }
    let ttl = decoder.count(&ttl)?;
    let due: f64 = decoder
        .text(due)?
        .parse()
        .map_err(|_| decoder.unexpected("a time"))?;
    Ok(Round {
        settled,
        jobs,
        rate_limited: (ttl > 0).then(|| Duration::from_millis(ttl)),
        next_due: (due > 0.0).then_some(due),
    })
}
