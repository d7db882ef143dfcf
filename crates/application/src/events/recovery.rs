//! Publishes events again that were lost with the queues' data.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::event::generation::{Duty, Generation, Generations, QueueData};
use domain::store::BoxError;
use domain::{EventId, EventKind, StoreError, UnixMillis};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::chain;
use super::observer::EventObserver;
use crate::handlers_of;
use crate::queues::route;

/// How often the data is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many published events are looked at in one step, which takes some milliseconds.
const CHUNK: u32 = 500;

/// No generation is known yet.
const UNKNOWN: i64 = -1;

/// Why the data could not be looked at, or what was lost not be published again.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The queues can't be reached.
    #[error("the queues can't be reached")]
    Away(#[source] BoxError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notices when the queues' data is other data than it was, and publishes again what was published
/// before and on which a handler has still to act.
///
/// More is published again than was lost, and that does no harm: where the job is still there it is
/// not added again, and a handler that has acted on the event does nothing.
pub struct Recovery {
    data: Arc<dyn QueueData>,
    generations: Arc<dyn Generations>,
    observer: Arc<dyn EventObserver>,
    duties: Vec<Duty>,
    /// The generation of the data that was seen last.
    seen: AtomicI64,
    /// An identity that was seen earlier must not be told later.
    turn: Mutex<()>,
}

impl Recovery {
    /// Looks at this data, and remembers there in which generation of it what was published.
    pub fn new(
        data: Arc<dyn QueueData>,
        generations: Arc<dyn Generations>,
        observer: Arc<dyn EventObserver>,
    ) -> Self {
        Self {
            data,
            generations,
            observer,
            duties: duties(),
            seen: AtomicI64::new(UNKNOWN),
            turn: Mutex::default(),
        }
    }

    /// Looks at the start and then regularly, until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        // An outage is told by the relay, and here once, however long it lasts.
        let mut could_look = true;
        while !stop.is_cancelled() {
            let looked = stop.run_until_cancelled(self.recover()).await;
            let Some(looked) = looked else {
                return;
            };
            if let (Err(RecoveryError::Store(error)), true) = (&looked, could_look) {
                warn!(error = %chain(error), "Events that the queues have lost can't be published again now");
            }
            could_look = !matches!(looked, Err(RecoveryError::Store(_)));
            let _ = stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
        }
    }

    /// Looks at the data, and publishes again what is missing from it; how many events. One process
    /// at a time does so, in steps, and another goes on where it stops.
    pub async fn recover(&self) -> Result<u64, RecoveryError> {
        self.look().await?;
        let (mut again, mut looked_at) = (0, 0);
        loop {
            let looked = self.generations.publish_again(&self.duties, CHUNK).await?;
            (again, looked_at) = (again + looked.again, looked_at + looked.at);
            if looked.at == 0 {
                break;
            }
        }
        if looked_at > 0 {
            info!(
                "The queues' data is not what it was: of {looked_at} events that were published \
                 before, {again} were not handled yet and are published again"
            );
            self.observer.published_again(again);
        }
        Ok(again)
    }

    /// The generation of the queues' data, as it was seen last; looks if it never was.
    pub(super) async fn generation(&self) -> Result<Generation, RecoveryError> {
        match self.seen.load(Ordering::SeqCst) {
            UNKNOWN => self.look().await,
            seen => Ok(Generation::from_i64(seen)),
        }
    }

    /// Records what was published in a generation; how many events, none if it is over.
    pub(super) async fn record(
        &self,
        generation: Generation,
        published: &[EventId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let generations = &self.generations;
        generations
            .mark_published_in(generation, published, now)
            .await
    }

    /// Looks at the data; its generation.
    pub(super) async fn look(&self) -> Result<Generation, RecoveryError> {
        let _turn = self.turn.lock().await;
        let identity = self.data.identity().await.map_err(RecoveryError::Away)?;
        let (generation, _) = self.generations.generation(&identity).await?;
        self.seen.store(generation.as_i64(), Ordering::SeqCst);
        Ok(generation)
    }
}

/// Which handlers are to act on which events.
fn duties() -> Vec<Duty> {
    let mut duties = Vec::new();
    for kind in EventKind::ALL.iter().copied() {
        for queue in route(kind) {
            let handlers = handlers_of(*queue);
            let theirs = handlers.iter().filter(|handler| handler.reacts_to(kind));
            duties.extend(theirs.map(|handler| Duty {
                kind,
                handler: handler.name(),
            }));
        }
    }
    duties
}
