//! Publishes events to handlers in the same process, without a queue.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{Clock, EventEnvelope, EventId, EventPublisher};

use super::chain;
use super::dispatcher::Dispatcher;
use super::observer::EventObserver;
use crate::queues::{QueueName, route};
use crate::{SharedStore, handlers_of};

/// Hands each event to the handlers of the queues it is routed to.
///
/// "Safe with the destination" means handled here: an event whose handler fails is refused, so the
/// outbox keeps it, puts it off and offers it again, and at last parks it. Handlers that succeeded
/// are passed over by the inbox then. A crash at any moment loses nothing, because the outbox holds
/// the event until every handler has committed.
pub struct InProcessPublisher {
    dispatchers: Vec<(QueueName, Dispatcher)>,
}

impl InProcessPublisher {
    /// A publisher to the handlers of every queue.
    pub fn new(store: &SharedStore, clock: &Arc<dyn Clock>) -> Self {
        let dispatcher = |queue| {
            let (store, clock) = (Arc::clone(store), Arc::clone(clock));
            (queue, Dispatcher::new(store, clock, handlers_of(queue)))
        };
        Self {
            dispatchers: QueueName::ALL.map(dispatcher).into(),
        }
    }

    /// Tells somebody of events that come twice.
    #[must_use]
    pub fn observed_by(mut self, observer: &Arc<dyn EventObserver>) -> Self {
        let dispatchers = self.dispatchers.into_iter();
        let observed = |(queue, dispatcher): (_, Dispatcher)| {
            (queue, dispatcher.observed_by(Arc::clone(observer)))
        };
        self.dispatchers = dispatchers.map(observed).collect();
        self
    }

    async fn hand_over(&self, envelope: &EventEnvelope) -> Result<(), Refusal> {
        let mut refusal: Option<Refusal> = None;
        let queues = route(envelope.kind());
        for (queue, dispatcher) in &self.dispatchers {
            if !queues.contains(queue) {
                continue;
            }
            if let Err(error) = dispatcher.dispatch(envelope).await {
                let retry = if error.can_be_mended() {
                    Retry::Later
                } else {
                    Retry::Never
                };
                // While one handler can still be mended, the event stays on its way.
                if refusal.as_ref().is_none_or(|r| r.retry == Retry::Never) {
                    refusal = Some(Refusal {
                        event: envelope.id,
                        reason: format!("{queue}: {}", chain(error.decisive().error.cause())),
                        retry,
                    });
                }
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl EventPublisher for InProcessPublisher {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        let mut refusals = Vec::new();
        // The first event of each subject that comes again: later ones must not overtake it.
        let mut coming_again = HashMap::new();
        for envelope in events {
            let subject = envelope.event.subject();
            let handed_over = match coming_again.get(&subject) {
                Some(earlier) => Err(waits_for(*earlier, envelope)),
                None => self.hand_over(envelope).await,
            };
            if let Err(refusal) = handed_over {
                if refusal.retry == Retry::Later {
                    coming_again.entry(subject).or_insert(envelope.id);
                }
                refusals.push(refusal);
            }
        }
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(PublishError::Refused(refusals))
        }
    }
}

fn waits_for(earlier: EventId, envelope: &EventEnvelope) -> Refusal {
    Refusal {
        event: envelope.id,
        reason: format!("waits for event {earlier}"),
        retry: Retry::Later,
    }
}
