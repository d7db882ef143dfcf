//! Which locks a worker keeps alive, and what it knows of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::hold::{Hold, Interruption};

/// A job's lock, as far as this worker can prove it.
struct Lease {
    token: String,
    hold: Arc<Hold>,
}

/// The jobs whose locks are kept alive.
#[derive(Clone)]
pub(super) struct Leases {
    lock_duration: Duration,
    held: Arc<Mutex<HashMap<String, Lease>>>,
}

/// What a renewal said of locks.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// The jobs whose lock is gone or another worker's.
    pub(super) lost: Vec<String>,
    /// The jobs that somebody has cancelled, with the reason.
    pub(super) cancelled: HashMap<String, String>,
}

impl Leases {
    pub(super) fn new(lock_duration: Duration) -> Self {
        Self {
            lock_duration,
            held: Arc::default(),
        }
    }

    pub(super) fn lock_duration(&self) -> Duration {
        self.lock_duration
    }

    /// Keeps a job's lock alive from now on.
    ///
    /// `asked_at` is when the claim was sent: the lock is at least as old as that.
    pub(super) fn add(&self, id: &str, token: &str, asked_at: Instant) -> Arc<Hold> {
        let hold = Arc::new(Hold::new(asked_at, self.lock_duration));
        let lease = Lease {
            token: token.to_owned(),
            hold: Arc::clone(&hold),
        };
        self.lock().insert(id.to_owned(), lease);
        hold
    }

    /// Lets go of a job, if it is held under this token.
    pub(super) fn remove(&self, id: &str, token: &str) {
        let mut leases = self.lock();
        if leases.get(id).is_some_and(|lease| lease.token == token) {
            leases.remove(id);
        }
    }

    /// The locks to renew, as ids and tokens. Those of cancelled jobs are renewed until their end is
    /// settled.
    pub(super) fn held(&self) -> Vec<(String, String)> {
        let leases = self.lock();
        let held = leases.iter().filter(|(_, lease)| !lease.hold.is_lost());
        held.map(|(id, lease)| (id.clone(), lease.token.clone()))
            .collect()
    }

    /// The token under which a job is held; absent if it is not.
    pub(super) fn token_of(&self, id: &str) -> Option<String> {
        let leases = self.lock();
        let lease = leases.get(id).filter(|lease| !lease.hold.is_lost());
        lease.map(|lease| lease.token.clone())
    }

    /// Notes what a renewal of these locks said that was sent at `asked_at`.
    pub(super) fn renewed(&self, held: &[(String, String)], said: &Renewal, asked_at: Instant) {
        let leases = self.lock();
        for (id, token) in held {
            let Some(lease) = leases.get(id).filter(|lease| lease.token == *token) else {
                continue;
            };
            if said.lost.contains(id) {
                warn!(job.id = %id, "could not renew lock for job {id}");
                lease.hold.interrupt(Interruption::LockLost);
                continue;
            }
            lease.hold.renewed(asked_at, self.lock_duration);
            if let Some(reason) = said.cancelled.get(id)
                && !lease.hold.is_interrupted()
            {
                info!(job.id = %id, "Job {id} is to end: {reason}");
                let reason = reason.clone();
                lease.hold.interrupt(Interruption::Cancelled { reason });
            }
        }
    }

    /// Gives up the jobs whose lock has run out as far as this worker can know. Returns when the
    /// next one does, if any is held.
    pub(super) fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        for (id, lease) in self.lock().iter() {
            let until = lease.hold.until();
            if lease.hold.is_lost() {
                continue;
            }
            if until <= now {
                warn!(job.id = %id, "the lock of job {id} ran out before it could be renewed");
                lease.hold.interrupt(Interruption::LockLost);
            } else {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
        }
        next
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lease>> {
        // The map is whole even if a holder panicked: no critical section leaves it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_next_lock_to_run_out_is_known_and_those_that_did_are_given_up() {
        let lock = Duration::from_secs(30);
        let leases = Leases::new(lock);
        assert_eq!(leases.expire(), None);
        let start = Instant::now();
        let first = leases.add("1", "a", start);
        tokio::time::advance(lock / 2).await;
        let second = leases.add("2", "b", Instant::now());
        assert_eq!(leases.expire(), Some(start + lock));
        tokio::time::advance(lock / 2).await;
        assert_eq!(leases.expire(), Some(start + lock + lock / 2));
        assert_eq!(first.interruption(), Some(&Interruption::LockLost));
        assert_eq!(second.interruption(), None);
        assert_eq!(leases.held(), [("2".to_owned(), "b".to_owned())]);
        assert_eq!(leases.token_of("1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_lock_of_a_cancelled_job_is_renewed_until_its_end_is_settled() {
        let leases = Leases::new(Duration::from_secs(30));
        let hold = leases.add("1", "a", Instant::now());
        let said = Renewal {
            lost: Vec::new(),
            cancelled: HashMap::from([("1".to_owned(), "cancelled".to_owned())]),
        };
        leases.renewed(&leases.held(), &said, Instant::now());
        assert_eq!(hold.cancelled_for(), Some("cancelled"));
        assert_eq!(leases.held().len(), 1);
    }
}
