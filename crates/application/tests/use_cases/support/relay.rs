//! A relay that runs in a task, between a fake outbox and a fake publisher, in time that passes
//! only when nothing else happens.

use std::sync::Arc;
use std::time::Duration;

use application::events::recovery::Recovery;
use application::events::relay::{OutboxRelay, RelaySettings};
use domain::event::outbox::{Backlog, OutboxReader};
use domain::{Clock, EventEnvelope, EventId, EventPublisher, Store, UnixMillis};
use testkit::builders::NOW;
use testkit::memory::MemoryStore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::FakeOutbox;
use super::publisher::{Calls, FakePublisher};

/// Waits as short as they can be told apart.
pub(crate) const SETTINGS: RelaySettings = RelaySettings {
    batch: 100,
    poll: Duration::from_hours(24),
    min_backoff: Duration::from_millis(50),
    max_backoff: Duration::from_secs(1),
    max_refusals: 5,
    refusal_backoff: Duration::from_secs(1),
};

/// Both ends of a relay.
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) outbox: Arc<FakeOutbox>,
    pub(crate) publisher: Arc<FakePublisher>,
    pub(crate) calls: Calls,
    clock: Arc<VirtualClock>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub(crate) fn on(store: MemoryStore) -> Self {
        let (publisher, calls) = FakePublisher::new();
        Self {
            outbox: FakeOutbox::new(store.clone()),
            store,
            publisher,
            calls,
            clock: Arc::new(VirtualClock(Instant::now())),
        }
    }

    /// Starts a relay from the outbox to the fake publisher.
    pub(crate) fn relay(&self, settings: RelaySettings) -> RunningRelay {
        self.relay_to(
            Arc::clone(&self.publisher) as Arc<dyn EventPublisher>,
            settings,
        )
    }

    /// Starts a relay from the outbox to another publisher.
    pub(crate) fn relay_to(
        &self,
        publisher: Arc<dyn EventPublisher>,
        settings: RelaySettings,
    ) -> RunningRelay {
        start(self.make(publisher, settings))
    }

    /// Starts a relay to the fake publisher, what is lost behind which this publishes again.
    pub(crate) fn relay_recovered_by(&self, recovery: &Arc<Recovery>) -> RunningRelay {
        let publisher = Arc::clone(&self.publisher) as Arc<dyn EventPublisher>;
        let relay = self.make(publisher, SETTINGS);
        start(relay.recovered_by(Arc::clone(recovery)))
    }

    fn make(&self, publisher: Arc<dyn EventPublisher>, settings: RelaySettings) -> OutboxRelay {
        let outbox = Arc::clone(&self.outbox) as Arc<dyn OutboxReader>;
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        OutboxRelay::new(outbox, publisher, clock, settings)
    }

    /// Commits events to the outbox.
    pub(crate) async fn record(&self, events: &[EventEnvelope]) {
        let mut work = self.store.begin().await.unwrap();
        work.outbox().record(events).await.unwrap();
        work.commit().await.unwrap();
    }

    /// How many events wait and how many are parked, once nothing is left to do at this moment.
    pub(crate) async fn backlog(&self) -> (u64, u64) {
        until_idle().await;
        let Backlog {
            pending, parked, ..
        } = self.store.backlog().await.unwrap();
        (pending, parked)
    }
}

fn start(relay: OutboxRelay) -> RunningRelay {
    let stop = CancellationToken::new();
    let told = stop.clone();
    let task = TaskTracker::new().spawn(async move { relay.run(told).await });
    RunningRelay { stop, task }
}

/// A relay at work. Ends with the value.
pub(crate) struct RunningRelay {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningRelay {
    /// Tells it to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it has ended, once nothing is left to do at this moment.
    pub(crate) async fn has_ended(&self) -> bool {
        until_idle().await;
        self.task.is_finished()
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A clock that goes with the paused time of the runtime, from [`NOW`].
struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> UnixMillis {
        let elapsed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        UnixMillis::new(NOW.as_i64() + elapsed)
    }
}

/// Paused time passes only when every task waits.
pub(crate) async fn until_idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) fn ids(events: &[EventEnvelope]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}
