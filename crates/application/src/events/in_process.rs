//! Publishes events to handlers in the same process, without a queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::event::dead_letter::{FailedAttempt, FailedForGood, FailedWork, FailureClass};
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{Clock, EventEnvelope, EventId, EventPublisher, StoreError};

use super::chain;
use super::dispatcher::{Dispatcher, Failure};
use super::observer::EventObserver;
use crate::dead_letters::DeadLetters;
use crate::queues::{QueueName, route};
use crate::{SharedStore, handlers_of};

/// Hands each event to the handlers of the queues it is routed to.
///
/// "Safe with the destination" means handled here: an event whose handler fails is refused, so the
/// outbox keeps it, puts it off and offers it again, and at last parks it, once a dead letter of each
/// handler that failed is kept. Handlers that succeeded
/// are passed over by the inbox then. A crash at any moment loses nothing, because the outbox holds
/// the event until every handler has committed.
pub struct InProcessPublisher {
    dispatchers: Vec<(QueueName, Dispatcher)>,
    letters: DeadLetters,
    clock: Arc<dyn Clock>,
    /// How handlers failed in the last call, in case the event is given up for it.
    failed: Mutex<HashMap<EventId, Vec<FailedForGood>>>,
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
            letters: DeadLetters::new(Arc::clone(store), Arc::clone(clock)),
            clock: Arc::clone(clock),
            failed: Mutex::default(),
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
                let failures = error.failures();
                let failures = failures.map(|failure| self.failure(*queue, envelope, failure));
                let failures: Vec<_> = failures.collect();
                self.failed()
                    .entry(envelope.id)
                    .or_default()
                    .extend(failures);
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

    fn failed(&self) -> MutexGuard<'_, HashMap<EventId, Vec<FailedForGood>>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a letter says of a handler's failure, if it is one for good.
    fn failure(
        &self,
        queue: QueueName,
        envelope: &EventEnvelope,
        failure: &Failure,
    ) -> FailedForGood {
        let (reason, failed_at) = (chain(failure.error.cause()), self.clock.now());
        FailedForGood {
            work: FailedWork {
                queue: queue.to_string(),
                job: envelope.id.to_string(),
                handler: failure.handler.to_owned(),
            },
            event: Some(envelope.id),
            kind: envelope.kind().to_string(),
            payload: envelope.to_json(),
            reason: reason.clone(),
            class: if failure.error.can_be_mended() {
                FailureClass::Exhausted
            } else {
                FailureClass::Permanent
            },
            attempts: 1,
            history: vec![FailedAttempt {
                at: Some(failed_at),
                trace: reason,
            }],
            failed_at,
        }
    }
}

#[async_trait]
impl EventPublisher for InProcessPublisher {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        let mut refusals = Vec::new();
        self.failed().clear();
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

    async fn give_up(&self, event: &EventEnvelope, refusals: u32) -> Result<(), StoreError> {
        let mut failures = self.failed().remove(&event.id).unwrap_or_default();
        for failure in &mut failures {
            failure.attempts = refusals;
        }
        self.letters.keep(&failures).await
    }
}

fn waits_for(earlier: EventId, envelope: &EventEnvelope) -> Refusal {
    Refusal {
        event: envelope.id,
        reason: format!("waits for event {earlier}"),
        retry: Retry::Later,
    }
}
