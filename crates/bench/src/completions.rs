//! When jobs completed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use infra_redis::engine::{JobOutcome, WorkerObserver};
use serde_json::Value;
use tokio::sync::Notify;

use crate::times::pace;

/// When jobs completed, as the worker tells.
#[derive(Default)]
pub(crate) struct Completions {
    at: Mutex<Vec<Instant>>,
    /// How many are waited for.
    wanted: usize,
    reached: Notify,
    failed: AtomicUsize,
    lost: AtomicUsize,
}

impl Completions {
    pub(crate) fn of(wanted: usize) -> Self {
        Self {
            at: Mutex::new(Vec::with_capacity(wanted)),
            wanted,
            ..Self::default()
        }
    }

    /// Returns once as many jobs have completed, or failed for good, as are waited for.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// What is wrong, if the worker lost or failed a job.
    pub(crate) fn fault(&self) -> Option<String> {
        let failed = self.failed.load(Ordering::Relaxed);
        let lost = self.lost.load(Ordering::Relaxed);
        (failed + lost > 0).then(|| format!("{failed} jobs failed, and {lost} lost their lock"))
    }

    /// When jobs completed, in order.
    pub(crate) fn moments(&self) -> Vec<Instant> {
        self.lock().clone()
    }

    /// The first one's moment, and the rate of the second half of those waited for.
    pub(crate) fn pace(&self, since: Instant) -> Value {
        let at = self.lock();
        pace(&at[..at.len().min(self.wanted)], since)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerObserver for Completions {
    fn attempt_ended(&self, outcome: JobOutcome, _duration: Duration) {
        let ended = match outcome {
            JobOutcome::Completed => {
                let mut at = self.lock();
                at.push(Instant::now());
                at.len() + self.failed.load(Ordering::Relaxed)
            }
            JobOutcome::Failed => {
                let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
                self.lock().len() + failed
            }
            JobOutcome::Lost => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            JobOutcome::Retried | JobOutcome::HandedBack => return,
        };
        if ended == self.wanted {
            self.reached.notify_one();
        }
    }
}
