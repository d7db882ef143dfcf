//! Keeps the locks of jobs at work alive, from a thread that no processor can block.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::engine::connection::{Connection, ConnectionSettings};
use crate::engine::error::{ConnectError, EngineError};
use crate::engine::keys::QueueKeys;
use crate::engine::options::millis;
use crate::engine::reply::Decoder;
use crate::engine::scripts::EXTEND_LOCKS;

/// How long to wait before renewing again after Valkey could not be reached.
const RETRY: Duration = Duration::from_millis(500);

/// The most locks renewed by one call, so that it never blocks the server for long.
const MAX_RENEWALS: usize = 500;

/// A job's lock, as far as this worker can prove it.
struct Lease {
    token: String,
    renewed_at: Instant,
    lost: CancellationToken,
}

/// The jobs whose locks are kept alive.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<String, Lease>>>);

impl Leases {
    /// Keeps a job's lock alive from now on. The token fires once the lock can't be proven.
    ///
    /// `asked_at` is when the claim was sent: the lock is at least as old as that.
    pub(super) fn add(&self, id: &str, token: &str, asked_at: Instant) -> CancellationToken {
        let lost = CancellationToken::new();
        let lease = Lease {
            token: token.to_owned(),
            renewed_at: asked_at,
            lost: lost.clone(),
        };
        self.lock().insert(id.to_owned(), lease);
        lost
    }

    /// Lets go of a job, if it is held under this token.
    pub(super) fn remove(&self, id: &str, token: &str) {
        let mut leases = self.lock();
        if leases.get(id).is_some_and(|lease| lease.token == token) {
            leases.remove(id);
        }
    }

    fn held(&self) -> Vec<(String, String)> {
        let leases = self.lock();
        let held = leases
            .iter()
            .filter(|(_, lease)| !lease.lost.is_cancelled());
        held.map(|(id, lease)| (id.clone(), lease.token.clone()))
            .collect()
    }

    fn renewed(&self, held: &[(String, String)], lost: &[String], asked_at: Instant) {
        let mut leases = self.lock();
        for (id, token) in held {
            let Some(lease) = leases.get_mut(id).filter(|lease| lease.token == *token) else {
                continue;
            };
            if lost.contains(id) {
                warn!(job.id = %id, "could not renew lock for job {id}");
                lease.lost.cancel();
            } else {
                lease.renewed_at = asked_at;
            }
        }
    }

    /// Gives up the jobs whose lock has run out as far as this worker can know.
    fn expire(&self, lock_duration: Duration) {
        for (id, lease) in self.lock().iter() {
            if lease.renewed_at.elapsed() >= lock_duration && !lease.lost.is_cancelled() {
                warn!(job.id = %id, "the lock of job {id} ran out before it could be renewed");
                lease.lost.cancel();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lease>> {
        // The map is whole even if a holder panicked: no critical section leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that renews.
pub(super) struct LeaseKeeper {
    leases: Leases,
    stop: CancellationToken,
}

impl LeaseKeeper {
    pub(super) async fn start(
        settings: ConnectionSettings,
        keys: QueueKeys,
        lock_duration: Duration,
    ) -> Result<Self, EngineError> {
        let leases = Leases::default();
        let stop = CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let keeper = (leases.clone(), stop.clone());
        std::thread::Builder::new()
            .name("lock-renewal".to_owned())
            .spawn(move || {
                let (leases, stop) = keeper;
                renew_until_stopped(&settings, &keys, lock_duration, &leases, &stop, ready);
            })
            .map_err(|error| EngineError::Start(Box::new(error)))?;
        match started.await {
            Ok(Ok(())) => Ok(Self { leases, stop }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(EngineError::Start("the lock-renewal thread ended".into())),
        }
    }

    pub(super) fn leases(&self) -> &Leases {
        &self.leases
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn renew_until_stopped(
    settings: &ConnectionSettings,
    keys: &QueueKeys,
    lock_duration: Duration,
    leases: &Leases,
    stop: &CancellationToken,
    ready: oneshot::Sender<Result<(), ConnectError>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "The lock-renewal thread has no runtime");
            return;
        }
    };
    runtime.block_on(async {
        let connection = match Connection::open(settings).await {
            Ok(connection) => connection,
            Err(error) => {
                // The receiver is gone only if the start was given up.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        let mut wait = lock_duration / 2;
        while stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            let renewal = renew(&connection, keys, lock_duration, leases);
            // An answer that takes longer comes too late for the locks it is about.
            wait = match tokio::time::timeout(lock_duration / 4, renewal).await {
                Ok(Ok(())) => lock_duration / 2,
                Ok(Err(error)) => {
                    warn!(%error, "Locks could not be renewed; trying again");
                    RETRY.min(lock_duration / 8)
                }
                Err(_) => {
                    warn!("Locks were not renewed in time; trying again");
                    RETRY.min(lock_duration / 8)
                }
            };
            leases.expire(lock_duration);
        }
    });
}

async fn renew(
    connection: &Connection,
    keys: &QueueKeys,
    lock_duration: Duration,
    leases: &Leases,
) -> Result<(), EngineError> {
    for held in leases.held().chunks(MAX_RENEWALS) {
        let asked_at = Instant::now();
        let pairs = held
            .iter()
            .flat_map(|(id, token)| [id.clone(), token.clone()]);
        let args = std::iter::once(millis(lock_duration).to_string()).chain(pairs);
        let reply = EXTEND_LOCKS.call(connection, keys, args).await?;
        let lost = Decoder("extend_locks").texts(reply)?;
        leases.renewed(held, &lost, asked_at);
    }
    Ok(())
}
