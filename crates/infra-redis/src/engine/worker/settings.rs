//! How a worker works, and what it tells of its work.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::backoff::BackoffStrategy;
use crate::engine::error::EngineError;
use crate::engine::options::Keep;

/// At most so many job starts in a window, over all workers of the queue.
///
/// ```
/// use infra_redis::engine::{RateLimit, WorkerSettings};
/// use std::time::Duration;
///
/// let a_hundred_a_minute = RateLimit { max: 100, window: Duration::from_secs(60) };
/// let settings = WorkerSettings { rate_limit: Some(a_hundred_a_minute), ..WorkerSettings::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many jobs may start; at least 1.
    pub max: u32,
    /// How long the window is, from its first job; whole milliseconds, at least one.
    pub window: Duration,
}

/// How many jobs a worker claims before it has a free slot for them.
///
/// Far from Valkey a slot stands empty for a round trip between two jobs, unless its next job is
/// there already. Jobs that are held are locked, their locks are renewed, and they count as active;
/// a worker that stops gives them back to the front of the queue at once.
///
/// ```
/// use infra_redis::engine::{LookAhead, WorkerSettings};
///
/// let settings = WorkerSettings {
///     concurrency: 50,
///     look_ahead: LookAhead::Automatic { at_most: 500 },
///     ..WorkerSettings::default()
/// };
/// # assert_ne!(settings.look_ahead, LookAhead::None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookAhead {
    /// None: each job finds a free slot.
    #[default]
    None,
    /// This many.
    Jobs(usize),
    /// As many as keep the slots busy, from the measured round trip and the time that jobs take;
    /// none where the round trip is short against that time.
    Automatic {
        /// The most jobs to hold.
        at_most: usize,
    },
}

/// How a worker works. The defaults are BullMQ's, except that an idle worker looks less often for
/// jobs that nobody announced.
///
/// ```
/// use infra_redis::engine::{Keep, WorkerSettings};
///
/// let settings = WorkerSettings {
///     name: Some("printer-1".to_owned()),
///     concurrency: 4,
///     keep_completed: Keep::Newest(1000),
///     ..WorkerSettings::default()
/// };
/// ```
#[derive(Clone)]
pub struct WorkerSettings {
    /// A name that other clients show beside the jobs it worked.
    pub name: Option<String>,
    /// How many jobs it works at once; 0 counts as 1.
    pub concurrency: usize,
    /// How many jobs it claims beyond those it can work at once.
    pub look_ahead: LookAhead,
    /// How many jobs may start in a window.
    pub rate_limit: Option<RateLimit>,
    /// How long a job stays locked without renewal: whole milliseconds, 30 seconds by default.
    /// Renewed at half-time, so it must be well above the time that Valkey takes to answer.
    pub lock_duration: Duration,
    /// How often jobs are looked for whose worker is gone: whole milliseconds, at least one, and 30
    /// seconds by default.
    pub stalled_interval: Duration,
    /// How often a job may lose its worker before it fails; 1 by default. With 0 it fails the first
    /// time.
    pub max_stalls: u32,
    /// How long the attempt at a job may go on after the job was cancelled, before it is ended; 5
    /// seconds by default.
    pub cancel_grace: Duration,
    /// The longest sleep before looking for jobs that nobody announced; 12 seconds by default.
    pub idle_poll: Duration,
    /// Which completed jobs are kept, where the job's own options don't say.
    pub keep_completed: Keep,
    /// Which failed jobs are kept, where the job's own options don't say.
    pub keep_failed: Keep,
    /// How many minutes of counts of finished jobs are kept, for other clients' charts, at least 1;
    /// none are counted if absent.
    pub metrics_points: Option<u32>,
    /// Decides how long jobs wait whose backoff is neither fixed nor exponential; such a job fails
    /// for good if absent.
    pub backoff: Option<Arc<dyn BackoffStrategy>>,
    /// Told about every attempt.
    pub observer: Option<Arc<dyn WorkerObserver>>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            name: None,
            concurrency: 1,
            look_ahead: LookAhead::None,
            rate_limit: None,
            lock_duration: Duration::from_secs(30),
            stalled_interval: Duration::from_secs(30),
            max_stalls: 1,
            cancel_grace: Duration::from_secs(5),
            idle_poll: Duration::from_secs(12),
            keep_completed: Keep::All,
            keep_failed: Keep::All,
            metrics_points: None,
            backoff: None,
            observer: None,
        }
    }
}

/// What became of an attempt.
///
/// ```
/// use infra_redis::engine::JobOutcome;
///
/// /// The word for it in metrics.
/// fn label(outcome: JobOutcome) -> &'static str {
///     match outcome {
///         JobOutcome::Completed => "completed",
///         JobOutcome::Retried => "retried",
///         JobOutcome::Failed => "failed",
///         JobOutcome::HandedBack | JobOutcome::Lost => "not ended here",
///     }
/// }
///
/// assert_eq!(label(JobOutcome::Lost), "not ended here");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobOutcome {
    /// The job is done.
    Completed,
    /// It will be tried again, or was put off.
    Retried,
    /// It failed for good.
    Failed,
    /// It was handed back, because the worker stops or was told too late that it has the job.
    HandedBack,
    /// The worker lost its lock; another one has the job.
    Lost,
}

/// Told about what a worker does, for metrics.
///
/// ```
/// use infra_redis::engine::{JobOutcome, WorkerObserver, WorkerSettings};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl WorkerObserver for Failures {
///     fn attempt_ended(&self, outcome: JobOutcome, _duration: Duration) {
///         if outcome == JobOutcome::Failed {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let failures = Arc::new(Failures::default());
/// let settings = WorkerSettings { observer: Some(failures.clone()), ..WorkerSettings::default() };
/// failures.attempt_ended(JobOutcome::Failed, Duration::from_millis(3));
/// assert_eq!(failures.0.load(Ordering::Relaxed), 1);
/// ```
pub trait WorkerObserver: Send + Sync {
    /// An attempt ended after `duration`.
    ///
    /// ```
    /// # use infra_redis::engine::{JobOutcome, WorkerObserver};
    /// # use std::time::Duration;
    /// # struct Slow;
    /// # impl WorkerObserver for Slow {
    /// fn attempt_ended(&self, outcome: JobOutcome, duration: Duration) {
    ///     if duration > Duration::from_secs(10) {
    ///         tracing::warn!(?outcome, ?duration, "a slow job");
    ///     }
    /// }
    /// # }
    /// ```
    fn attempt_ended(&self, outcome: JobOutcome, duration: Duration);

    /// The worker has looked at its queue, or tried to: its loop is alive.
    ///
    /// ```
    /// # use infra_redis::engine::{JobOutcome, WorkerObserver};
    /// # use std::time::{Duration, Instant};
    /// # struct Pulse(std::sync::Mutex<Instant>);
    /// # impl WorkerObserver for Pulse {
    /// #     fn attempt_ended(&self, _: JobOutcome, _: Duration) {}
    /// fn beat(&self) {
    ///     if let Ok(mut last) = self.0.lock() {
    ///         *last = Instant::now();
    ///     }
    /// }
    /// # }
    /// ```
    fn beat(&self) {}

    /// What came of the latest call to the queue.
    ///
    /// ```
    /// # use infra_redis::engine::{EngineError, JobOutcome, WorkerObserver};
    /// # use std::time::Duration;
    /// # struct Log;
    /// # impl WorkerObserver for Log {
    /// #     fn attempt_ended(&self, _: JobOutcome, _: Duration) {}
    /// fn called(&self, outcome: Result<(), &EngineError>) {
    ///     if let Err(error) = outcome {
    ///         tracing::debug!("{error}");
    ///     }
    /// }
    /// # }
    /// ```
    fn called(&self, _outcome: Result<(), &EngineError>) {}
}

/// What a worker left behind when it stopped.
///
/// ```
/// use infra_redis::engine::StopReport;
///
/// let report = StopReport { finished: 3, handed_back: 1, abandoned: 0 };
/// assert_eq!(report.abandoned, 0, "nobody has to wait for a lock to run out");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopReport {
    /// Jobs that ended within the grace period.
    pub finished: usize,
    /// Jobs that went back to the front of the queue, with their attempt uncounted.
    pub handed_back: usize,
    /// Jobs that could not be ended or handed back; others take them over once their lock runs out.
    pub abandoned: usize,
}
