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
    /// Nothing was told within the time: whoever wants to be sure looks.
    Nothing,
    /// There may be work. The signal was taken, and nobody else has it.
    Work,
    /// There will be work at this time, in Unix milliseconds. This signal was taken, too.
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
                    Some(Ok(Some(_))) => Wake::Work,
                    Some(Ok(None)) | None => Wake::Nothing,
                    Some(Err(error)) => {
                        debug!(%error, "The wait for jobs ended early");
                        // The connection comes back by itself; until then look now and then.
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Wake::Nothing
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

    /// Ends the sleep and the task behind it. A signal that was taken in the last moment comes back:
    /// it was meant for a worker that can act on it.
    pub(super) async fn stop(mut self) -> Wake {
        self.requests = None;
        self.stop.cancel();
        if !self.is_asleep {
            return Wake::Nothing;
        }
        self.answers.recv().await.unwrap_or(Wake::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::connection::{Connection, ConnectionSettings};
    use crate::engine::keys::QueueId;
    use crate::engine::reply::Reply;

    #[tokio::test]
    async fn a_signal_is_either_still_there_or_comes_back_when_the_sleep_is_ended() {
        let url = testkit::valkey::shared_url().await;
        let settings = ConnectionSettings::parse(&url).unwrap();
        let commands = Connection::open(&settings).await.unwrap();
        let queue = QueueId::parse(&testkit::valkey::unique_prefix(), "q").unwrap();
        let keys = QueueKeys::new(&queue);
        let marker = keys.of(Suffix::Marker);
        let mut came_back = 0;
        for _ in 0..20 {
            let signal = [&marker, "0", "0"].map(str::to_owned).to_vec();
            commands.command("ZADD", signal).await.unwrap();
            let blocking = BlockingConnection::open(&settings, None).await.unwrap();
            let tasks = TaskTracker::new();
            let mut waker = Waker::spawn(&tasks, blocking, &keys, Duration::from_secs(60));
            waker.sleep();
            let wake = waker.stop().await;
            let left = commands.command("EXISTS", vec![marker.clone()]).await;
            match wake {
                Wake::Work => {
                    came_back += 1;
                    assert_eq!(left.unwrap(), Reply::Int(0));
                }
                Wake::Nothing => assert_eq!(left.unwrap(), Reply::Int(1)),
                Wake::At(_) => panic!("no delayed job was announced"),
            }
        }
        assert!(came_back > 0, "no signal was taken in the last moment");
    }
}
