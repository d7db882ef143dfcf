//! Sleeps on the queue's marker, on a connection of its own, so that an idle worker hears of new
//! jobs at once.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::engine::connection::BlockingConnection;
use crate::engine::keys::{QueueKeys, Suffix};

/// What ended a sleep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wake {
    /// There may be work.
    Work,
    /// There will be work at this time, in Unix milliseconds.
    At(f64),
}

/// Sleeps when asked to. Between a request and its answer the marker may be taken at any moment,
/// so every answer must be acted on.
pub(super) struct Waker {
    requests: Option<mpsc::Sender<()>>,
    answers: mpsc::Receiver<Wake>,
    stop: CancellationToken,
    is_asleep: bool,
}

impl Waker {
    pub(super) fn spawn(
        tasks: &TaskTracker,
        connection: BlockingConnection,
        keys: &QueueKeys,
        limit: Duration,
    ) -> Self {
        let (requests, mut asked) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let marker = keys.of(Suffix::Marker);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tasks.spawn(async move {
            while asked.recv().await.is_some() {
                // Never dropped half-way: the server would give the marker to nobody.
                let sleep = connection.pop_min(&marker, limit);
                let wake = match connection.until_stopped(&stopped, sleep).await {
                    Some(Ok(Some(score))) if score > 0.0 => Wake::At(score),
                    Some(Ok(Some(_) | None)) | None => Wake::Work,
                    Some(Err(error)) => {
                        debug!(%error, "The wait for jobs ended early");
                        // The connection comes back by itself; until then look now and then.
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Wake::Work
                    }
                };
                if answer.send(wake).await.is_err() {
                    break;
                }
            }
            // Others take whoever holds such a connection for a worker.
            connection.close().await;
        });
        Self {
            requests: Some(requests),
            answers,
            stop,
            is_asleep: false,
        }
    }

    /// Goes to sleep, unless it sleeps.
    pub(super) fn sleep(&mut self) {
        if let Some(requests) = &self.requests
            && !self.is_asleep
        {
            self.is_asleep = requests.try_send(()).is_ok();
        }
    }

    /// What ended the sleep; never returns while nobody asked for one. Cancel-safe.
    pub(super) async fn woken(&mut self) -> Wake {
        match self.answers.recv().await {
            Some(wake) => {
                self.is_asleep = false;
                wake
            }
            None => std::future::pending().await,
        }
    }

    /// Ends the sleep and the task behind it.
    pub(super) async fn stop(mut self) {
        self.requests = None;
        self.stop.cancel();
        if !self.is_asleep {
            return;
        }
        // A marker taken in the last moment was meant for a worker that can act on it.
        if let Some(Wake::Work | Wake::At(_)) = self.answers.recv().await {
            self.is_asleep = false;
        }
    }
}
