//! Sleeps on the queue's marker, on a connection of its own, so that an idle worker hears of new
//! jobs at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::debug;

use crate::engine::connection::BlockingConnection;
use crate::engine::keys::{QueueKeys, Suffix};

/// How long a sleep takes that can't be asked for, while the server is away.
const AWAY: Duration = Duration::from_millis(200);

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

/// Sleeps when asked to. From then on the marker may be taken at any moment, so how a sleep ends must
/// be acted on.
pub(super) struct Waker {
    connection: Arc<BlockingConnection>,
    marker: String,
    limit: Duration,
    sleep: Option<BoxFuture<'static, Wake>>,
}

impl Waker {
    /// Each sleep ends after `limit`, at the latest.
    pub(super) fn new(connection: BlockingConnection, keys: &QueueKeys, limit: Duration) -> Self {
        Self {
            connection: Arc::new(connection),
            marker: keys.of(Suffix::Marker),
            limit,
            sleep: None,
        }
    }

    /// Goes to sleep, unless it sleeps; the server is told once somebody waits for the end of it.
    pub(super) fn sleep(&mut self) {
        if self.sleep.is_none() {
            let (connection, marker) = (Arc::clone(&self.connection), self.marker.clone());
            self.sleep = Some(Box::pin(sleep(connection, marker, self.limit)));
        }
    }

    /// What ended the sleep; never returns while nobody asked for one. Cancel-safe.
    pub(super) async fn woken(&mut self) -> Wake {
        let Some(sleep) = &mut self.sleep else {
            return std::future::pending().await;
        };
        let wake = sleep.await;
        self.sleep = None;
        wake
    }

    /// Ends the sleep. A signal that was taken in the last moment comes back: it was meant for a
    /// worker that can act on it.
    pub(super) async fn stop(self) -> Wake {
        let wake = match self.sleep {
            Some(sleep) => self.connection.end(sleep).await,
            None => None,
        };
        // Others take whoever holds such a connection for a worker.
        self.connection.close().await;
        wake.unwrap_or(Wake::Nothing)
    }
}

/// Never dropped half-way: the server would give the marker to nobody.
async fn sleep(connection: Arc<BlockingConnection>, marker: String, limit: Duration) -> Wake {
    match connection.pop_min(&marker, limit).await {
        Ok(Some(score)) if score > 0.0 => Wake::At(score),
        Ok(Some(_)) => Wake::Work,
        Ok(None) => Wake::Nothing,
        Err(error) => {
            debug!(%error, "The wait for jobs ended early");
            // The connection comes back by itself; until then look now and then.
            tokio::time::sleep(AWAY).await;
            Wake::Nothing
        }
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
            let mut waker = Waker::new(blocking, &keys, Duration::from_secs(60));
            waker.sleep();
            let begun = futures_util::poll!(std::pin::pin!(waker.woken()));
            assert!(begun.is_pending(), "nothing has arrived yet");
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
