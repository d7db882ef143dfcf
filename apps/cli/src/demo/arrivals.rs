//! Waits for what workers bring about, by looking again and again.
//!
//! Nobody gives up while things keep arriving: only when nothing new has come for a while. So a slow
//! machine and a large file are no failures, and a dead worker is found out soon.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

/// How soon to look again after something arrived; this bounds how well a delay is known.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How often to say that it takes long.
const NOTICE: Duration = Duration::from_secs(5);

/// Something that was caused and will be seen somewhere.
#[derive(Debug, Clone)]
pub(crate) struct Caused {
    /// What it is recognised by.
    pub(crate) key: String,
    /// When the cause was answered.
    pub(crate) at: Instant,
}

/// Watches for everything that is announced; how long after its cause each of them was seen.
///
/// `look` gets what is awaited and says what of it, and possibly more, is there. It returns early,
/// without what is missing, when nothing new has come for `patience`.
pub(crate) async fn watch(
    what: &str,
    mut announced: UnboundedReceiver<Caused>,
    patience: Duration,
    mut look: impl AsyncFnMut(&HashMap<String, Instant>) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<HashMap<String, Duration>> {
    let mut awaited = HashMap::new();
    let mut seen = HashMap::new();
    let mut quiet = Quiet::new(patience);
    loop {
        if awaited.is_empty() {
            let Some(caused) = announced.recv().await else {
                return Ok(seen);
            };
            awaited.insert(caused.key, caused.at);
            quiet.ended();
        }
        while let Ok(caused) = announced.try_recv() {
            awaited.insert(caused.key, caused.at);
        }
        let there = look(&awaited).await?;
        let now = Instant::now();
        for key in there {
            if let Some(at) = awaited.remove(&key) {
                seen.insert(key, now.saturating_duration_since(at));
                quiet.ended();
            }
        }
        if !awaited.is_empty() && !quiet.go_on(what, awaited.len()).await {
            return Ok(seen);
        }
    }
}

/// Looks until nothing is missing any more, or until the missing have not become fewer for
/// `patience`; what was seen last.
///
/// `look` says how many are missing, and what it saw.
pub(crate) async fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<(usize, T)>,
) -> anyhow::Result<T> {
    let mut quiet = Quiet::new(patience);
    let mut fewest = usize::MAX;
    loop {
        let (missing, seen) = look().await?;
        if missing < fewest {
            fewest = missing;
            quiet.ended();
        }
        if missing == 0 || !quiet.go_on(what, missing).await {
            return Ok(seen);
        }
    }
}

/// How long nothing has arrived.
struct Quiet {
    patience: Duration,
    since: Instant,
    pause: Duration,
    notices: u32,
}

impl Quiet {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: Instant::now(),
            pause: SHORTEST_PAUSE,
            notices: 0,
        }
    }

    fn ended(&mut self) {
        *self = Self::new(self.patience);
    }

    /// Pauses, longer each time; false when it has been quiet for too long.
    async fn go_on(&mut self, what: &str, missing: usize) -> bool {
        let quiet = self.since.elapsed();
        if quiet >= self.patience {
            return false;
        }
        if quiet >= NOTICE * (self.notices + 1) {
            self.notices += 1;
            let (seconds, rest) = (
                quiet.as_secs(),
                self.patience.saturating_sub(quiet).as_secs(),
            );
            eprintln!(
                "nothing new for {seconds} s from {what}, {missing} to go; giving up in {rest} s"
            );
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 5 / 4).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    fn caused(key: &str) -> Caused {
        Caused {
            key: key.to_owned(),
            at: Instant::now(),
        }
    }

    #[tokio::test]
    async fn what_arrives_is_seen_and_what_does_not_is_given_up() {
        let (announce, announced) = unbounded_channel();
        announce.send(caused("late")).unwrap();
        announce.send(caused("never")).unwrap();
        drop(announce);
        let mut looks = 0;
        let seen = watch("letters", announced, PATIENCE, async |awaited| {
            looks += 1;
            assert!(awaited.contains_key("never"));
            let there = if looks < 3 {
                vec![]
            } else {
                vec!["late", "other"]
            };
            Ok(there.into_iter().map(str::to_owned).collect())
        });
        let seen = seen.await.unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["late"]);
    }

    #[tokio::test]
    async fn a_watch_ends_when_nothing_more_is_announced() {
        let (announce, announced) = unbounded_channel();
        let watching = watch("letters", announced, PATIENCE, async |awaited| {
            Ok(awaited.keys().cloned().collect())
        });
        let announcing = async {
            for key in ["a", "b", "c"] {
                announce.send(caused(key)).unwrap();
                tokio::task::yield_now().await;
            }
            drop(announce);
        };
        let (seen, ()) = tokio::join!(watching, announcing);
        assert_eq!(seen.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn patience_is_for_the_time_without_anything_new() {
        let mut missing = 40;
        let started = Instant::now();
        let last = until("letters", PATIENCE, async || {
            sleep(Duration::from_millis(3)).await;
            missing -= 1;
            Ok((missing, missing))
        });
        assert_eq!(last.await.unwrap(), 0);
        assert!(started.elapsed() > PATIENCE);

        let last = until("letters", PATIENCE, async || Ok((1, "as ever")));
        assert_eq!(last.await.unwrap(), "as ever");
    }
}
