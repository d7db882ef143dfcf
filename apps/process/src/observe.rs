//! Connects the engine and the outbox to the process's metrics and health.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::SharedStore;
use application::events::observer::{EventObserver, Forgotten};
use application::queues::QueueName;
use domain::Clock;
use domain::event::outbox::OutboxReader;
use infra_redis::engine::{
    Connection, EngineError, JobOutcome, OptionError, Queue, QueueId, WorkerObserver,
};
use telemetry::metrics::{
    DeadLetterMetrics, InboxMetrics, JobMetrics, Metrics, OutboxMetrics, QueueDepth,
};

/// How long a worker's loop may be silent before its process counts as wedged. It turns at least
/// every few seconds.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Records what a worker does, and that it does something.
pub struct QueueObserver {
    queue: QueueName,
    metrics: JobMetrics,
    clock: Arc<dyn Clock>,
    last_beat: AtomicI64,
    beats: AtomicU64,
    is_retired: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl QueueObserver {
    /// An observer of the worker of this queue.
    pub fn new(queue: QueueName, metrics: JobMetrics, clock: Arc<dyn Clock>) -> Self {
        Self {
            queue,
            metrics,
            last_beat: AtomicI64::new(clock.now().as_i64()),
            clock,
            beats: AtomicU64::new(0),
            is_retired: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    /// Which queue it is about.
    pub fn queue(&self) -> QueueName {
        self.queue
    }

    /// How often the worker's loop has turned; nothing while it is not expected to: before its
    /// first turn, and after it was told that there will be no more.
    pub fn beats(&self) -> Option<u64> {
        let beats = self.beats.load(Ordering::Relaxed);
        (beats > 0 && !self.is_retired.load(Ordering::Relaxed)).then_some(beats)
    }

    /// The worker has stopped: its loop turns no more.
    pub fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    /// An error if the worker's latest call to its queue failed.
    pub fn can_work(&self) -> Result<(), String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().map_or(Ok(()), Err)
    }

    /// An error if the worker's loop has been silent for too long.
    pub fn is_alive(&self) -> Result<(), String> {
        if self.beats().is_none() {
            return Ok(());
        }
        let silence = self.clock.now().as_i64() - self.last_beat.load(Ordering::Relaxed);
        let silence = Duration::from_millis(u64::try_from(silence).unwrap_or(0));
        if silence <= LONGEST_SILENCE {
            Ok(())
        } else {
            Err(format!("the worker's loop has not turned for {silence:?}"))
        }
    }
}

impl WorkerObserver for QueueObserver {
    fn attempt_ended(&self, outcome: JobOutcome, duration: Duration) {
        let outcome = match outcome {
            JobOutcome::Completed => "completed",
            JobOutcome::Retried => "retried",
            JobOutcome::Failed => "failed",
            JobOutcome::HandedBack => "handed-back",
            JobOutcome::Lost => "lost",
        };
        self.metrics.worked(self.queue.as_str(), outcome, duration);
    }

    fn beat(&self) {
        self.last_beat
            .store(self.clock.now().as_i64(), Ordering::Relaxed);
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn called(&self, outcome: Result<(), &EngineError>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = outcome.err().map(ToString::to_string);
    }
}

/// Shows how many jobs of these queues are in each state.
pub fn queue_depth(
    metrics: &mut Metrics,
    connection: &Connection,
    prefix: &str,
    queues: &[QueueName],
) -> Result<(), OptionError> {
    let depth = QueueDepth::register(metrics);
    for name in queues.iter().copied() {
        let id = QueueId::parse(prefix, name.as_str())?;
        let queue = Queue::<()>::new(connection.clone(), id);
        let depth = depth.clone();
        metrics.refresh_with(name.as_str(), move || {
            let (queue, depth) = (queue.clone(), depth.clone());
            async move {
                let counts = queue.counts().await.map_err(|error| error.to_string())?;
                let states = [
                    ("waiting", counts.waiting),
                    ("active", counts.active),
                    ("prioritized", counts.prioritized),
                    ("delayed", counts.delayed),
                    ("waiting-children", counts.waiting_children),
                    ("completed", counts.completed),
                    ("failed", counts.failed),
                ];
                for (state, jobs) in states {
                    depth.set(name.as_str(), state, jobs);
                }
                Ok(())
            }
        });
    }
    Ok(())
}

/// Counts what happens on the path of events. A process without an outbox's relay, or without
/// handlers, has only the other half.
#[derive(Default)]
pub struct EventCounts {
    outbox: Option<OutboxMetrics>,
    inbox: Option<InboxMetrics>,
}

impl EventCounts {
    /// Counts what a relay does.
    #[must_use]
    pub fn of_outbox(self, outbox: OutboxMetrics) -> Self {
        Self {
            outbox: Some(outbox),
            ..self
        }
    }

    /// Counts what handlers are kept from doing twice.
    #[must_use]
    pub fn of_inbox(self, metrics: &mut Metrics) -> Self {
        Self {
            inbox: Some(InboxMetrics::register(metrics)),
            ..self
        }
    }
}

impl EventObserver for EventCounts {
    fn published(&self, events: usize) {
        if let Some(outbox) = &self.outbox {
            outbox.published(events as u64);
        }
    }

    fn published_again(&self, events: u64) {
        if let Some(outbox) = &self.outbox {
            outbox.published_again(events);
        }
    }

    fn duplicate(&self, handler: &'static str) {
        if let Some(inbox) = &self.inbox {
            inbox.duplicate(handler);
        }
    }

    fn parked(&self, queue: QueueName) {
        if let Some(inbox) = &self.inbox {
            inbox.parked(queue.as_str());
        }
    }

    fn forgotten(&self, what: Forgotten) {
        if let Some(outbox) = &self.outbox {
            outbox.forgotten(what.published);
        }
    }
}

/// Shows how many dead letters wait for somebody to decide.
pub fn dead_letters(metrics: &mut Metrics, store: &SharedStore) {
    let gauges = DeadLetterMetrics::register(metrics);
    let store = Arc::clone(store);
    metrics.refresh_with("dead-letters", move || {
        let (store, gauges) = (Arc::clone(&store), gauges.clone());
        async move {
            let dead = store.dead_letters().dead().await;
            let dead = dead.map_err(|error| error.to_string())?.into_iter();
            gauges.set(dead.map(|count| (count.handler, count.class.as_str(), count.letters)));
            Ok(())
        }
    });
}

/// Shows how many events wait to be published, and for how long; what counts those that were.
pub fn outbox_backlog(
    metrics: &mut Metrics,
    outbox: &Arc<dyn OutboxReader>,
    clock: &Arc<dyn Clock>,
) -> OutboxMetrics {
    let gauges = OutboxMetrics::register(metrics);
    let counters = gauges.clone();
    let (outbox, clock) = (Arc::clone(outbox), Arc::clone(clock));
    metrics.refresh_with("outbox", move || {
        let (outbox, clock, gauges) = (Arc::clone(&outbox), Arc::clone(&clock), gauges.clone());
        async move {
            let backlog = outbox.backlog().await.map_err(|error| error.to_string())?;
            let age = backlog.oldest.map(|oldest| {
                let millis = clock.now().as_i64().saturating_sub(oldest.as_i64());
                Duration::from_millis(u64::try_from(millis).unwrap_or(0))
            });
            gauges.set(backlog.pending, backlog.parked, age);
            Ok(())
        }
    });
    counters
}
