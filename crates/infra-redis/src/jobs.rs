//! What operators can do to the jobs of the queues.

use std::sync::Arc;

use application::jobs::{CancelError, Cancelled, Jobs, Place};
use application::queues::QueueName;
use async_trait::async_trait;
use domain::Clock;

use crate::engine::{
    Cancellation, Connection, EngineError, JobState, OptionError, Queue, QueueId, cancelled_reason,
};
use crate::reconciler::failed_job;

/// The jobs of the queues under a prefix.
pub struct QueueJobs {
    connection: Connection,
    prefix: String,
    clock: Arc<dyn Clock>,
}

impl QueueJobs {
    /// The jobs of all queues under this prefix.
    pub fn new(connection: &Connection, prefix: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            connection: connection.clone(),
            prefix: prefix.to_owned(),
            clock,
        }
    }

    fn queue(&self, name: QueueName) -> Result<Queue<()>, OptionError> {
        let id = QueueId::parse(&self.prefix, name.as_str())?;
        Ok(Queue::new(self.connection.clone(), id))
    }
}

#[async_trait]
impl Jobs for QueueJobs {
    async fn place(
        &self,
        name: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Place, CancelError> {
        let queue = self.queue(name).map_err(|error| refused(&error))?;
        let job = queue.job(id).await.map_err(failed)?;
        let job = job.ok_or_else(|| unknown(name, id))?;
        Ok(match queue.state(id).await.map_err(failed)? {
            Some(JobState::Active) => Place::Active,
            Some(JobState::Completed | JobState::Failed) => Place::Finished,
            None => return Err(unknown(name, id)),
            Some(_) => {
                let reason = cancelled_reason(reason).map_err(|error| refused(&error))?;
                let now = self.clock.now();
                Place::Waiting(Box::new(failed_job(name, &job, reason, now)))
            }
        })
    }

    async fn cancel(
        &self,
        name: QueueName,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Cancelled, CancelError> {
        let queue = self.queue(name).map_err(|error| refused(&error))?;
        match queue.cancel(id, reason).await.map_err(failed)? {
            Cancellation::Cancelled => Ok(Cancelled::AtOnce),
            Cancellation::Asked => Ok(Cancelled::Asked),
            Cancellation::Finished => Err(CancelError::Finished(id.to_owned())),
            Cancellation::Missing => Err(unknown(name, id)),
        }
    }
}

fn unknown(queue: QueueName, id: &str) -> CancelError {
    let id = id.to_owned();
    CancelError::Unknown { queue, id }
}

fn refused(error: &OptionError) -> CancelError {
    CancelError::Refused(error.to_string())
}

fn failed(error: EngineError) -> CancelError {
    match error {
        EngineError::Script(_) | EngineError::Option(_) => CancelError::Refused(error.to_string()),
        _ => CancelError::Unavailable(error.into()),
    }
}
