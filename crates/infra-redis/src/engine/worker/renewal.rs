//! Keeps the locks of jobs at work alive, from a thread that no processor can block, and learns
//! there which of the jobs are cancelled.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::leases::{Leases, Renewal};
use crate::engine::connection::{Connection, ConnectionSettings, Subscription};
use crate::engine::error::{ConnectError, EngineError};
use crate::engine::keys::QueueKeys;
use crate::engine::options::millis;
use crate::engine::reply::Decoder;
use crate::engine::scripts::EXTEND_LOCKS;

/// How long to wait before renewing again after Valkey could not be reached.
const RETRY: Duration = Duration::from_millis(500);

/// How long to wait before subscribing again where that failed.
const SUBSCRIBE_RETRY: Duration = Duration::from_secs(10);

/// The most locks renewed by one call, so that it never blocks the server for long.
const MAX_RENEWALS: usize = 500;

/// How many announcements may wait to be looked at. Those beyond are found by the next renewal.
const MAX_ANNOUNCED: usize = 1000;

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
        let leases = Leases::new(lock_duration);
        let stop = CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let keeper = (leases.clone(), stop.clone());
        std::thread::Builder::new()
            .name("lock-renewal".to_owned())
            .spawn(move || {
                let (leases, stop) = keeper;
                renew_until_stopped(&settings, &keys, &leases, &stop, ready);
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
        let (announce, announced) = mpsc::channel(MAX_ANNOUNCED);
        let renewer = Renewer {
            connection,
            keys,
            leases,
        };
        tokio::select! {
            _ = renewer.renew_regularly(announced) => {}
            _ = expire_in_time(leases) => {}
            () = hear(settings, keys, announce, stop) => {}
        }
    });
}

/// Gives up each lock the moment it runs out, whatever a renewal waits for.
async fn expire_in_time(leases: &Leases) -> Infallible {
    loop {
        let next = leases.expire();
        // A job that is claimed meanwhile may have a lock that runs out before all others, if its
        // claim took long; until it is looked at here, the hold itself says what it can prove.
        let soon = Instant::now() + leases.lock_duration() / 8;
        tokio::time::sleep_until(next.map_or(soon, |next| next.min(soon))).await;
    }
}

/// Passes on what is announced of the queue's jobs until `stop` is cancelled. Who may not subscribe
/// learns the same from renewals, later.
async fn hear(
    settings: &ConnectionSettings,
    keys: &QueueKeys,
    announce: mpsc::Sender<String>,
    stop: &CancellationToken,
) {
    let channel = keys.cancellations();
    let mut wait = SUBSCRIBE_RETRY;
    while !stop.is_cancelled() {
        let open = Subscription::open(settings, &channel);
        match stop.run_until_cancelled(open).await {
            Some(Ok(mut subscription)) => {
                wait = SUBSCRIBE_RETRY;
                while let Some(Some(id)) = stop.run_until_cancelled(subscription.next()).await {
                    // If too many wait, renewals find the rest.
                    let _ = announce.try_send(id);
                }
                subscription.close().await;
            }
            Some(Err(error)) => {
                debug!(%error, "Cancellations are not heard; they are found when locks are renewed");
                // Most often it is a right that is missing, which seldom changes.
                let pause = tokio::time::sleep(wait);
                let _ = stop.run_until_cancelled(pause).await;
                wait = (wait * 2).min(SUBSCRIBE_RETRY * 32);
            }
            None => {}
        }
    }
}

struct Renewer<'a> {
    connection: Connection,
    keys: &'a QueueKeys,
    leases: &'a Leases,
}

impl Renewer<'_> {
    /// Renews all locks at half-time, and at once those of jobs that something was announced of.
    async fn renew_regularly(&self, mut announced: mpsc::Receiver<String>) -> Infallible {
        let lock_duration = self.leases.lock_duration();
        let mut next = Instant::now() + lock_duration / 2;
        loop {
            let held = tokio::select! {
                biased;
                () = tokio::time::sleep_until(next) => {
                    next = Instant::now() + lock_duration / 2;
                    self.leases.held()
                }
                Some(id) = announced.recv() => {
                    let token = self.leases.token_of(&id);
                    token.map(|token| (id, token)).into_iter().collect()
                }
            };
            // An answer that takes longer comes too late for the locks it is about.
            let renewal = tokio::time::timeout(lock_duration / 4, self.renew(&held));
            match renewal.await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => warn!(%error, "Locks could not be renewed; trying again"),
                Err(_) => warn!("Locks were not renewed in time; trying again"),
            }
            next = Instant::now() + RETRY.min(lock_duration / 8);
        }
    }

    async fn renew(&self, held: &[(String, String)]) -> Result<(), EngineError> {
        let lock_duration = self.leases.lock_duration();
        for held in held.chunks(MAX_RENEWALS) {
            let asked_at = Instant::now();
            let pairs = held
                .iter()
                .flat_map(|(id, token)| [id.clone(), token.clone()]);
            let args = std::iter::once(millis(lock_duration).to_string()).chain(pairs);
            let reply = EXTEND_LOCKS.call(&self.connection, self.keys, args).await?;
            let decoder = Decoder("extend_locks");
            let [lost, cancelled] = decoder.array::<2>(reply)?;
            let cancelled = decoder.texts(cancelled)?;
            let pairs = cancelled.chunks_exact(2);
            let said = Renewal {
                lost: decoder.texts(lost)?,
                cancelled: pairs
                    .map(|pair| (pair[0].clone(), pair[1].clone()))
                    .collect(),
            };
            self.leases.renewed(held, &said, asked_at);
        }
        Ok(())
    }
}
