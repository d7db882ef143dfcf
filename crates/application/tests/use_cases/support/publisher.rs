//! A publisher that is away, refuses or hangs when it is told to, and tells what it was given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{EventEnvelope, EventId, EventPublisher};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// The publisher's side of the fake; the test holds it, too.
pub(crate) struct FakePublisher {
    told: mpsc::UnboundedSender<Call>,
    is_away: AtomicBool,
    refused: Mutex<HashMap<EventId, Retry>>,
    gate: Semaphore,
}

/// What the publisher was asked to publish, and when.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) events: Vec<EventId>,
    pub(crate) at: Instant,
}

/// What the publisher was asked, call by call.
pub(crate) struct Calls(mpsc::UnboundedReceiver<Call>);

impl FakePublisher {
    /// A publisher that takes everything.
    pub(crate) fn new() -> (Arc<Self>, Calls) {
        let (told, calls) = mpsc::unbounded_channel();
        let publisher = Self {
            told,
            is_away: AtomicBool::new(false),
            refused: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        };
        (Arc::new(publisher), Calls(calls))
    }

    /// From now on it can't be reached.
    pub(crate) fn leave(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// From now on it can be reached again.
    pub(crate) fn come_back(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// From now on it refuses this event.
    pub(crate) fn refuse(&self, event: &EventEnvelope, retry: Retry) {
        self.refused.lock().unwrap().insert(event.id, retry);
    }

    /// From now on it takes everything.
    pub(crate) fn accept_all(&self) {
        self.refused.lock().unwrap().clear();
    }

    /// From now on it answers nobody.
    pub(crate) fn hang(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// It answers one call that hangs.
    pub(crate) fn answer_one(&self) {
        self.gate.add_permits(1);
    }
}

#[async_trait]
impl EventPublisher for FakePublisher {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        let call = Call {
            events: events.iter().map(|event| event.id).collect(),
            at: Instant::now(),
        };
        // The test may have ended already.
        let _ = self.told.send(call);
        self.gate.acquire().await.unwrap().forget();
        if self.is_away.load(Ordering::SeqCst) {
            return Err(PublishError::Unavailable("nobody answers".into()));
        }
        let refused = self.refused.lock().unwrap();
        let refusals: Vec<_> = events
            .iter()
            .filter_map(|event| {
                Some(Refusal {
                    event: event.id,
                    reason: "not this one".to_owned(),
                    retry: *refused.get(&event.id)?,
                })
            })
            .collect();
        if refusals.is_empty() {
            return Ok(());
        }
        Err(PublishError::Refused(refusals))
    }
}

impl Calls {
    /// The next call, which must come within a day.
    pub(crate) async fn next(&mut self) -> Call {
        let call = tokio::time::timeout(Duration::from_hours(24), self.0.recv()).await;
        call.expect("nothing was published").expect("a publisher")
    }

    /// The events of the next call.
    pub(crate) async fn next_events(&mut self) -> Vec<EventId> {
        self.next().await.events
    }

    /// Nothing more is published within an hour.
    pub(crate) async fn are_over(&mut self) {
        let more = tokio::time::timeout(Duration::from_hours(1), self.0.recv()).await;
        assert!(more.is_err(), "published once more: {more:?}");
    }
}
