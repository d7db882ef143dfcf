//! Sleeps on the queue's marker, on a connection of its own, so that an idle worker hears of new
//! jobs at once.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::engine::connection::{BlockingConnection, Connection};
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
    ids: Vec<i64>,
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
        let ids = connection.ids();
        tasks.spawn(async move {
            while asked.recv().await.is_some() {
                // Never dropped half-way: the server would give the marker to nobody.
                let wake = match connection.pop_min(&marker, limit).await {
                    Ok(Some(score)) if score > 0.0 => Wake::At(score),
                    Ok(Some(_) | None) => Wake::Work,
                    Err(error) => {
                        debug!(%error, "The wait for jobs ended early");
                        // The connection comes back by itself; until then look now and then.
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Wake::Work
                    }
                };
                if answer.send(wake).await.is_err() {
                    return;
                }
            }
        });
        Self {
            requests: Some(requests),
            answers,
            ids,
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
    pub(super) async fn stop(mut self, commands: &Connection) {
        self.requests = None;
        if !self.is_asleep {
            return;
        }
        for id in &self.ids {
            let args = vec!["UNBLOCK".to_owned(), id.to_string()];
            // If it can't be woken now, its sleep ends by itself within the limit.
            if let Err(error) = commands.command("CLIENT", args).await {
                debug!(%error, "The wait for jobs could not be ended early");
            }
        }
        // A marker taken in the last moment was meant for a worker that can act on it.
        if let Some(Wake::Work | Wake::At(_)) = self.answers.recv().await {
            self.is_asleep = false;
        }
    }
}
