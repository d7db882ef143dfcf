//! Hands an event to the handlers it concerns, each effect exactly once.

use std::fmt;
use std::sync::Arc;

use domain::{Clock, EventEnvelope, EventKind};
use tracing::{Instrument, debug, info_span};

use super::acting::{Acted, Admission, act};
use super::fence::{Fence, Unfenced};
use super::handler::{EventHandler, HandlerError};
use super::observer::EventObserver;
use crate::SharedStore;

/// Hands events to handlers, each in a transaction that holds the inbox's record and the effects.
#[derive(Clone)]
pub struct Dispatcher {
    store: SharedStore,
    clock: Arc<dyn Clock>,
    handlers: Vec<Arc<dyn EventHandler>>,
    observer: Arc<dyn EventObserver>,
}

/// A handler that failed.
#[derive(Debug)]
pub struct Failure {
    /// The handler's name.
    pub handler: &'static str,
    /// Why.
    pub error: HandlerError,
}

/// The handlers that failed, at least one.
#[derive(Debug)]
pub struct DispatchError {
    first: Failure,
    others: Vec<Failure>,
}

impl Dispatcher {
    /// A dispatcher to these handlers.
    pub fn new(
        store: SharedStore,
        clock: Arc<dyn Clock>,
        handlers: Vec<Arc<dyn EventHandler>>,
    ) -> Self {
        Self {
            store,
            clock,
            handlers,
            observer: Arc::new(()),
        }
    }

    /// Tells somebody of events that come twice.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn EventObserver>) -> Self {
        Self { observer, ..self }
    }

    /// Lets every handler that the event concerns act on it.
    ///
    /// One handler's failure keeps no other from acting; those that succeeded do nothing when the
    /// event comes again.
    ///
    /// Dropping the future before it ends leaves no effect of the handler that was at work, except
    /// of the parts that it was done with.
    pub async fn dispatch(&self, envelope: &EventEnvelope) -> Result<(), DispatchError> {
        self.dispatch_within(envelope, &Unfenced).await
    }

    /// The same, but commits nothing once the fence doesn't hold any more.
    pub async fn dispatch_within(
        &self,
        envelope: &EventEnvelope,
        fence: &dyn Fence,
    ) -> Result<(), DispatchError> {
        let mut failures = Vec::new();
        for handler in &self.handlers {
            if !handler.reacts_to(envelope.kind()) {
                continue;
            }
            let span = info_span!(
                "event.handle",
                handler.name = handler.name(),
                event.id = %envelope.id,
                event.kind = %envelope.kind(),
                correlation.id = %envelope.origin.correlation_id,
                trace.id = envelope.origin.trace_id(),
            );
            let acted = self.run(handler.as_ref(), envelope, fence);
            let acted = acted.instrument(span).await;
            if let Err(error) = acted {
                let handler = handler.name();
                let is_over = matches!(error, HandlerError::Taken(_));
                failures.push(Failure { handler, error });
                if is_over {
                    break;
                }
            }
        }
        let mut failures = failures.into_iter();
        failures.next().map_or(Ok(()), |first| {
            let others = failures.collect();
            Err(DispatchError { first, others })
        })
    }

    /// The names of the handlers that events of this kind concern.
    pub fn concerned(&self, kind: EventKind) -> impl Iterator<Item = &'static str> {
        let handlers = self.handlers.iter();
        let concerned = handlers.filter(move |handler| handler.reacts_to(kind));
        concerned.map(|handler| handler.name())
    }

    async fn run(
        &self,
        handler: &dyn EventHandler,
        envelope: &EventEnvelope,
        fence: &dyn Fence,
    ) -> Result<(), HandlerError> {
        let admission = Admission::Once;
        match act(
            &self.store,
            &self.clock,
            handler,
            envelope,
            &admission,
            fence,
        )
        .await?
        {
            Acted::Now { .. } => debug!("{} acted on event {}", handler.name(), envelope.id),
            Acted::Before => {
                debug!("Event {} was handled before", envelope.id);
                self.observer.duplicate(handler.name());
            }
        }
        Ok(())
    }
}

impl DispatchError {
    /// Every failure, in the order of the handlers.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether handing the event over once more may help any of them.
    pub fn can_be_mended(&self) -> bool {
        self.failures().any(|failure| failure.error.can_be_mended())
    }

    /// Whether the work may be somebody else's by now, so that this attempt decides nothing.
    pub fn is_taken(&self) -> bool {
        matches!(self.decisive().error, HandlerError::Taken(_))
    }

    /// Whether a handler could not even begin, so that this was no attempt of the event's.
    pub fn is_away(&self) -> bool {
        matches!(self.decisive().error, HandlerError::Away(_))
    }

    /// What decides about the event: the first of the failures that can soonest be mended. That
    /// storage is away comes before a transient one, and a permanent one only if there is no other.
    pub fn decisive(&self) -> &Failure {
        self.others.iter().fold(&self.first, |best, failure| {
            if failure.error.hope() > best.error.hope() {
                failure
            } else {
                best
            }
        })
    }
}

impl fmt::Display for DispatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decisive().error.fmt(f)
    }
}

impl std::error::Error for DispatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.decisive().error.cause().source()
    }
}
