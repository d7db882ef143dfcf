//! One attempt at a job: from its stored form to what its processor made of it.

use std::sync::Arc;

use crate::engine::job::{Claimed, Fetched};
use crate::engine::processor::{JobContext, JobError, Processor};

/// Performs a job; what it returned, as JSON.
///
/// A job that can't be read fails for good with what is wrong with it, and never reaches the
/// processor.
pub(super) async fn perform<P: Processor>(
    processor: Arc<P>,
    job: Fetched,
    context: JobContext,
) -> Result<String, JobError> {
    if let Some(reason) = job.deferred_failure {
        return Err(JobError::permanent(reason));
    }
    if let Err(error) = &job.options {
        return Err(JobError::permanent(format!(
            "the job's options can't be read: {error}"
        )));
    }
    let name = job
        .name
        .ok_or_else(|| JobError::permanent("the job has no name"))?;
    // What is absent is read as an empty object, as BullMQ does.
    let data = job.data.as_deref().unwrap_or("{}");
    let data: P::Data = serde_json::from_str(data)
        .map_err(|error| JobError::permanent(format!("the job's data can't be read: {error}")))?;
    let claimed = Claimed {
        id: job.id,
        name,
        data,
        attempt: job.attempts_made + 1,
        timestamp: job.timestamp,
    };
    let output = processor.process(claimed, &context).await?;
    serde_json::to_string(&output)
        .map_err(|error| JobError::permanent(format!("the result has no JSON form: {error}")))
}
