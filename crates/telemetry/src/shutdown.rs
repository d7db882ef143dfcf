//! How a process ends: everything is told to stop, and is waited for.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// The exit code of a process that was told twice to stop, as a shell gives it after Ctrl-C.
const EXIT_AT_ONCE: i32 = 130;

/// The token that tells everything to stop, and the tracker of everything that must end first.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Shutdown {
    /// A shutdown that only its token starts; for tests, and for commands that end by themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that SIGTERM or SIGINT starts. A second signal ends the process at once.
    ///
    /// Signals count from the moment this returns. Must be called within a runtime.
    pub fn listen() -> anyhow::Result<Self> {
        let shutdown = Self::new();
        let signals = Signals::open()?;
        let token = shutdown.token();
        // Not on the tracker: it waits for a signal that may never come.
        #[expect(
            clippy::disallowed_methods,
            reason = "it must outlive the drain, to hear the second signal"
        )]
        drop(tokio::spawn(stop_on_signal(signals, token)));
        Ok(shutdown)
    }

    /// The token that is cancelled when the process is to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// The tracker of everything that [`drain`](Self::drain) waits for.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Runs a task that [`drain`](Self::drain) waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Tells everything to stop, waits for it at most `timeout` long, and logs what came of it.
    /// `true` if everything ended in time.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        let running = self.tracker.len();
        info!("Stopping: {running} tasks have {timeout:?} to end");
        let started = Instant::now();
        let is_drained = tokio::time::timeout(timeout, self.tracker.wait())
            .await
            .is_ok();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if is_drained {
            info!(duration_ms, "Stopped: every task ended in time");
        } else {
            let left = self.tracker.len();
            warn!(duration_ms, "Stopped: {left} tasks had not ended in time");
        }
        is_drained
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn open() -> anyhow::Result<Self> {
        let open = |kind| signal(kind).context("can't listen for signals");
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        // Both arms are cancel-safe: a signal that arrives between two calls is kept.
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn stop_on_signal(mut signals: Signals, token: CancellationToken) {
    let name = signals.next().await;
    info!("Got {name}; a second signal ends the process at once");
    token.cancel();
    let name = signals.next().await;
    warn!("Got {name} while stopping; ending at once");
    std::process::exit(EXIT_AT_ONCE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_tells_tasks_to_stop_and_waits_for_them() {
        let shutdown = Shutdown::new();
        let token = shutdown.token();
        shutdown.spawn(async move {
            token.cancelled().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        assert!(shutdown.drain(Duration::from_secs(2)).await);
        assert!(shutdown.tracker().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_does_not_wait_for_ever() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending::<()>());
        assert!(!shutdown.drain(Duration::from_secs(2)).await);
        assert!(shutdown.token().is_cancelled());
    }

    #[tokio::test]
    async fn draining_nothing_is_done_at_once() {
        assert!(Shutdown::new().drain(Duration::ZERO).await);
    }
}
