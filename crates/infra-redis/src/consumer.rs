//! Performs the jobs that carry domain events.

use std::time::Duration;

use application::events::dispatcher::{DispatchError, Dispatcher};
use domain::EventEnvelope;
use domain::event::cloud_event::DecodeError;
use tracing::{info, warn};

use crate::engine::{Claimed, JobContext, JobError, Processor};
use crate::publisher::EventJson;

/// How long an event waits that a newer release wrote: a rolling deploy brings a worker that can
/// read it.
const NEWER_VERSION_WAIT: Duration = Duration::from_mins(1);

/// How long an event waits whose handlers can't begin, because storage is away. That costs it no
/// attempt: an outage of any length fails no job.
const STORAGE_WAIT: Duration = Duration::from_secs(1);

/// Decodes a job's event and hands it to the handlers.
pub struct EventProcessor {
    dispatcher: Dispatcher,
}

impl EventProcessor {
    /// A processor that hands events to this dispatcher.
    pub fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher }
    }
}

impl Processor for EventProcessor {
    type Data = EventJson;
    type Output = ();

    async fn process(&self, job: Claimed<EventJson>, context: &JobContext) -> Result<(), JobError> {
        let envelope = EventEnvelope::from_json(job.data.get()).map_err(|error| {
            if let DecodeError::NewerVersion { .. } = error {
                info!(job.id = %job.id, "Event {} waits for a newer release: {error}", job.id);
                return JobError::NotYet(NEWER_VERSION_WAIT);
            }
            JobError::permanent(error.to_string())
        })?;
        tokio::select! {
            // Once the lock can't be proven, another worker may have the job: dropping the handler
            // rolls its transaction back.
            biased;
            () = context.cancelled() => Err(JobError::transient("the job was taken from this worker")),
            handled = self.dispatcher.dispatch(&envelope) => handled.map_err(|error| to_job_error(&error)),
        }
    }
}

fn to_job_error(error: &DispatchError) -> JobError {
    let cause: &(dyn std::error::Error + 'static) = error.first().error.cause();
    if error.is_away() {
        warn!("Events wait for storage, which is away: {cause}");
        JobError::NotYet(STORAGE_WAIT)
    } else if error.can_be_mended() {
        JobError::transient(cause)
    } else {
        JobError::permanent(cause)
    }
}
