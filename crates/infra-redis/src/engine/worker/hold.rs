//! A worker's hold on a job: what proves it, and what ends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Why a job must not go on.
///
/// ```
/// use infra_redis::engine::Interruption;
///
/// fn words(interruption: &Interruption) -> String {
///     match interruption {
///         Interruption::LockLost => "another worker may have the job".to_owned(),
///         Interruption::WorkerStops => "the job goes back to the queue".to_owned(),
///         Interruption::Cancelled { reason } => reason.clone(),
///     }
/// }
///
/// let reason = "cancelled: sent by mistake".to_owned();
/// assert_eq!(words(&Interruption::Cancelled { reason }), "cancelled: sent by mistake");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interruption {
    /// The worker can no longer prove that it holds the job; another one may have it.
    LockLost,
    /// The worker stops and hands the job back.
    WorkerStops,
    /// Somebody has cancelled the job, which fails for good with this reason unless it completes all
    /// the same.
    Cancelled {
        /// The reason with which it fails.
        reason: String,
    },
}

/// Shared by whoever renews a job's lock and whoever works the job.
#[derive(Debug)]
pub(crate) struct Hold {
    interrupted: CancellationToken,
    /// The first one is what is told.
    interruption: OnceLock<Interruption>,
    is_lost: AtomicBool,
    /// Until when the lock stands, as far as this worker can know.
    until: Mutex<Instant>,
}

impl Hold {
    /// A hold whose lock was set or renewed by a call that was sent at `asked_at`: the lock stands
    /// at least as long as that.
    pub(crate) fn new(asked_at: Instant, lock_duration: Duration) -> Self {
        Self {
            interrupted: CancellationToken::new(),
            interruption: OnceLock::new(),
            is_lost: AtomicBool::new(false),
            until: Mutex::new(asked_at + lock_duration),
        }
    }

    /// Tells the job's attempt to end, once.
    pub(super) fn interrupt(&self, interruption: Interruption) {
        // Before the token, so that whoever is woken by it finds the cause.
        if interruption == Interruption::LockLost {
            self.is_lost.store(true, Ordering::SeqCst);
        }
        let _ = self.interruption.set(interruption);
        self.interrupted.cancel();
    }

    /// Notes that the lock was renewed by a call that was sent at `asked_at`.
    pub(super) fn renewed(&self, asked_at: Instant, lock_duration: Duration) {
        *self.lock() = asked_at + lock_duration;
    }

    /// Until when the lock stands, as far as this worker can know.
    pub(super) fn until(&self) -> Instant {
        *self.lock()
    }

    /// Whether the worker can prove at this moment that it holds the job.
    pub(super) fn is_proven(&self) -> bool {
        !self.is_lost() && Instant::now() < self.until()
    }

    /// Whether the lock was lost: it is renewed no more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Why the job must not go on; absent if it may.
    pub(crate) fn interruption(&self) -> Option<&Interruption> {
        self.interruption.get()
    }

    /// With which reason the job fails that was cancelled.
    pub(super) fn cancelled_for(&self) -> Option<&str> {
        match self.interruption() {
            Some(Interruption::Cancelled { reason }) => Some(reason),
            _ => None,
        }
    }

    /// Whether the job must not go on.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.is_cancelled()
    }

    /// Returns once the job must not go on.
    pub(crate) async fn interrupted(&self) {
        self.interrupted.cancelled().await;
    }

    /// Whether the worker can prove at this moment that it holds the job, and the job may go on.
    pub(crate) fn stands(&self) -> bool {
        !self.is_interrupted() && self.is_proven()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        // A moment is whole even if a holder panicked.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_hold_ends_with_its_lock_whether_or_not_anybody_tells() {
        let hold = Hold::new(Instant::now(), LOCK);
        tokio::time::advance(LOCK / 2).await;
        hold.renewed(Instant::now(), LOCK);
        tokio::time::advance(LOCK / 2).await;
        assert!(hold.stands());
        tokio::time::advance(LOCK / 2).await;
        assert!(!hold.stands());
        assert_eq!(hold.interruption(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_interruption_is_what_is_told() {
        let hold = Hold::new(Instant::now(), LOCK);
        let reason = "cancelled".to_owned();
        hold.interrupt(Interruption::Cancelled { reason });
        assert!(!hold.stands() && !hold.is_lost());
        hold.interrupt(Interruption::LockLost);
        assert_eq!(hold.cancelled_for(), Some("cancelled"));
        assert!(hold.is_lost());
        hold.interrupted().await;
    }
}
