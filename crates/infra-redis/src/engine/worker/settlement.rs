//! What becomes of a job after an attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::backoff::FailedAttempt;
use crate::engine::connection::Args;
use crate::engine::error::ScriptError;
use crate::engine::job::Fetched;
use crate::engine::options::{KeepLimits, StoredBackoff, millis};
use crate::engine::processor::{Failure, JobError};

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

    /// What BullMQ calls the script that does this.
    pub(super) fn operation(&self) -> &'static str {
        match self.change {
            Change::Complete { .. } | Change::Fail { .. } => "moveToFinished",
            Change::RetryNow { .. } => "retryJob",
            Change::RetryLater { .. } | Change::PutOff { .. } => "moveToDelayed",
            Change::WaitForChildren => "moveToWaitingChildren",
            Change::HandBack | Change::Limit { .. } => "moveJobFromActiveToWait",
        }
    }

    /// What `settle_and_fetch` takes for a job.
    pub(super) fn write(&self, args: &mut Args) {
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
