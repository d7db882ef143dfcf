//! Hands an event to the handlers it concerns, each effect exactly once.

use std::sync::Arc;

use domain::{Clock, EventEnvelope, StoreError};
use tracing::{Instrument, debug, info_span};

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
    /// event comes again. The first of the failures that can soonest be mended is returned: that
    /// storage is away before a transient one, and a permanent one only if there is no other.
    ///
    /// Dropping the future before it ends leaves no effect of the handler that was at work.
    pub async fn dispatch(&self, envelope: &EventEnvelope) -> Result<(), HandlerError> {
        let mut failure: Option<HandlerError> = None;
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
            let result = self.run(handler.as_ref(), envelope).instrument(span).await;
            if let Err(error) = result {
                let outweighs = failure
                    .as_ref()
                    .is_none_or(|failure| hope(&error) > hope(failure));
                if outweighs {
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn run(
        &self,
        handler: &dyn EventHandler,
        envelope: &EventEnvelope,
    ) -> Result<(), HandlerError> {
        let now = self.clock.now();
        let mut work = self.store.begin().await.map_err(away)?;
        let is_new = work
            .inbox()
            .first_time(handler.name(), envelope.id, now)
            .await?;
        if !is_new {
            debug!("Event {} was handled before", envelope.id);
            self.observer.duplicate(handler.name());
            return Ok(());
        }
        handler.handle(envelope, work.as_mut(), now).await?;
        work.commit().await?;
        debug!("{} acted on event {}", handler.name(), envelope.id);
        Ok(())
    }
}

/// Where not even a unit of work begins, the event is not what fails.
fn away(error: StoreError) -> HandlerError {
    match error {
        error @ StoreError::Unavailable(_) => HandlerError::Away(error.into()),
        error => error.into(),
    }
}

fn hope(error: &HandlerError) -> u8 {
    match error {
        HandlerError::Permanent(_) => 0,
        HandlerError::Transient(_) => 1,
        HandlerError::Away(_) => 2,
    }
}
