//! One attempt at a job: from its stored form to what its processor made of it.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::hold::Interruption;
use crate::engine::job::{Claimed, Fetched};
use crate::engine::processor::{JobContext, JobError, Processor};
use crate::engine::scheduler::produce_next;

/// When a job comes back whose scheduler could not be reached.
const SCHEDULER_RETRY: Duration = Duration::from_secs(1);

/// Performs a job; what it returned, as JSON.
///
/// A job that can't be read fails for good with what is wrong with it, and never reaches the
/// processor.
pub(super) async fn perform<P: Processor>(
    processor: Arc<P>,
    job: Arc<Fetched>,
    context: JobContext,
) -> Result<String, JobError> {
    // Whatever becomes of this job, its series goes on.
    if job.scheduler.is_some()
        && let Err(error) = Box::pin(produce_next(context.connection(), context.keys(), &job)).await
    {
        warn!(%error, "Job {} is put off: the next one of its scheduler could not be added", job.id);
        return Err(JobError::NotYet(SCHEDULER_RETRY));
    }
    if let Some(reason) = &job.deferred_failure {
        return Err(JobError::permanent(reason.clone()));
    }
    // One that was cancelled while it was held for later is not begun.
    if let Some(Interruption::Cancelled { reason }) = context.interruption() {
        return Err(JobError::permanent(reason));
    }
    if let Err(error) = &job.options {
        return Err(JobError::permanent(format!(
            "the job's options can't be read: {error}"
        )));
    }
    let name = job
        .name
        .clone()
        .ok_or_else(|| JobError::permanent("the job has no name"))?;
    // What is absent is read as an empty object, as BullMQ does.
    let data = job.data.as_deref().unwrap_or("{}");
    let data: P::Data = serde_json::from_str(data)
        .map_err(|error| JobError::permanent(format!("the job's data can't be read: {error}")))?;
    let claimed = Claimed {
        id: job.id.clone(),
        name,
        data,
        attempt: job.attempts_made + 1,
        timestamp: job.timestamp,
        options: job.options_json.clone().unwrap_or_else(|| "{}".to_owned()),
    };
    let output = processor.process(claimed, &context).await?;
    serde_json::to_string(&output)
        .map_err(|error| JobError::permanent(format!("the result has no JSON form: {error}")))
}
