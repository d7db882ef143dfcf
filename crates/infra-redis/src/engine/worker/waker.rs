//! Sleeps on the queue's marker, on a connection of its own, so that an idle worker hears of new
//! jobs at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tracing::debug;

use super::WorkerSettings;
use super::round::{Claim, Round, sleep_and_fetch};
use crate::engine::connection::BlockingConnection;
use crate::engine::error::EngineError;
use crate::engine::keys::{QueueKeys, Suffix};

/// How long a sleep takes that can't be asked for, while the server is away.
const AWAY: Duration = Duration::from_millis(200);

/// Into how many parts the time of a lock is divided, of which a sleep with a claim may take one. A
/// job that it brings at its end is held by a lock that may be as old as that, and has to be renewed
/// in time.
const PARTS_OF_LOCK: u32 = 4;

/// The shortest sleep; the server takes a shorter one for one without end.
const SHORTEST: Duration = Duration::from_millis(2);

/// What ended a sleep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Signal {
    /// Nothing was told within the time: whoever wants to be sure looks.
    Nothing,
    /// There may be work. The signal was taken, and nobody else has it.
    Work,
    /// There will be work at this time, in Unix milliseconds. This signal was taken, too.
    At(f64),
}

/// How a sleep ended.
#[derive(Debug)]
pub(super) struct Wake {
    pub(super) signal: Signal,
    /// What came of the claim behind the sleep, if there was one.
    pub(super) claimed: Option<LateClaim>,
}

/// A claim that stood behind a sleep.
#[derive(Debug)]
pub(super) struct LateClaim {
    pub(super) claim: Claim,
    /// When it was sent: its locks stand at least as long as if they had been set then.
    pub(super) asked_at: Instant,
    pub(super) round: Result<Round, EngineError>,
}

impl Wake {
    const NOTHING: Self = Self {
        signal: Signal::Nothing,
        claimed: None,
    };
}

/// Sleeps when asked to. From then on the marker may be taken at any moment, so how a sleep ends must
/// be acted on.
pub(super) struct Waker {
    sleeper: Arc<Sleeper>,
    sleep: Option<BoxFuture<'static, Wake>>,
    /// How many jobs the sleep may bring.
    claiming: usize,
}

struct Sleeper {
    connection: BlockingConnection,
    keys: QueueKeys,
    settings: WorkerSettings,
}

impl Waker {
    pub(super) fn new(
        connection: BlockingConnection,
        keys: QueueKeys,
        settings: WorkerSettings,
    ) -> Self {
        Self {
            sleeper: Arc::new(Sleeper {
                connection,
                keys,
                settings,
            }),
            sleep: None,
            claiming: 0,
        }
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.sleep.is_some()
    }

    /// How many jobs the sleep may bring.
    pub(super) fn claiming(&self) -> usize {
        self.claiming
    }

    /// Goes to sleep, unless it sleeps. With a claim, whatever ends the sleep makes the server
    /// perform that at once. The server is told once somebody waits for the end of the sleep.
    pub(super) fn sleep(&mut self, claim: Option<Claim>) {
        if self.sleep.is_none() {
            self.claiming = claim.as_ref().map_or(0, |claim| claim.jobs);
            let sleeper = Arc::clone(&self.sleeper);
            self.sleep = Some(Box::pin(async move {
                match claim {
                    Some(claim) => sleeper.sleep_and_claim(claim).await,
                    None => sleeper.sleep().await,
                }
            }));
        }
    }

    /// How the sleep ended; never returns while nobody asked for one. Cancel-safe.
    pub(super) async fn woken(&mut self) -> Wake {
        let Some(sleep) = &mut self.sleep else {
            return std::future::pending().await;
        };
        let wake = sleep.await;
        self.sleep = None;
        self.claiming = 0;
        wake
    }

    /// Ends the sleep soon, after which there must be no other. A signal that was taken in the last
    /// moment is told: it was meant for a worker that can act on it.
    pub(super) fn end(&mut self) {
        if let Some(sleep) = self.sleep.take() {
            let sleeper = Arc::clone(&self.sleeper);
            self.sleep = Some(Box::pin(async move {
                let ended = sleeper.connection.end(sleep).await;
                ended.unwrap_or(Wake::NOTHING)
            }));
        }
    }

    /// Closes the connection, since others take whoever holds such a one for a worker.
    pub(super) async fn close(&mut self) {
        self.sleeper.connection.close().await;
    }
}

/// Its futures are never dropped half-way: the server would give the marker to nobody.
impl Sleeper {
    async fn sleep(&self) -> Wake {
        let marker = self.keys.of(Suffix::Marker);
        let limit = self.settings.idle_poll;
        let signal = match self.connection.pop_min(&marker, limit).await {
            Ok(told) => signal(told),
            Err(error) => {
                debug!(%error, "The wait for jobs ended early");
                // The connection comes back by itself; until then look now and then.
                tokio::time::sleep(AWAY).await;
                Signal::Nothing
            }
        };
        Wake {
            signal,
            claimed: None,
        }
    }

    async fn sleep_and_claim(&self, claim: Claim) -> Wake {
        let asked_at = Instant::now();
        let Self {
            connection,
            keys,
            settings,
        } = self;
        let limit = settings
            .idle_poll
            .min(settings.lock_duration / PARTS_OF_LOCK);
        let limit = limit.max(SHORTEST);
        let (told, round) = sleep_and_fetch(connection, keys, settings, limit, &claim).await;
        let claimed = LateClaim {
            claim,
            asked_at,
            round,
        };
        Wake {
            signal: signal(told),
            claimed: Some(claimed),
        }
    }
}

fn signal(score: Option<f64>) -> Signal {
    match score {
        Some(score) if score > 0.0 => Signal::At(score),
        Some(_) => Signal::Work,
        None => Signal::Nothing,
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
            let mut waker = Waker::new(blocking, keys.clone(), WorkerSettings::default());
            waker.sleep(None);
            let begun = futures_util::poll!(std::pin::pin!(waker.woken()));
            assert!(begun.is_pending(), "nothing has arrived yet");
            waker.end();
            let wake = waker.woken().await;
            waker.close().await;
            let left = commands.command("EXISTS", vec![marker.clone()]).await;
            match wake.signal {
                Signal::Work => {
                    came_back += 1;
                    assert_eq!(left.unwrap(), Reply::Int(0));
                }
                Signal::Nothing => assert_eq!(left.unwrap(), Reply::Int(1)),
                Signal::At(_) => panic!("no delayed job was announced"),
            }
        }
        assert!(came_back > 0, "no signal was taken in the last moment");
    }
}
