//! Puts dead letters back into their queues.

use application::queues::{QueueName, QueueTable};
use async_trait::async_trait;
use domain::event::dead_letter::{DeadLetter, RedriveError, RedriveRoad};
use serde_json::value::RawValue;

use crate::engine::{
    Connection, EngineError, FinishedState, JobId, JobState, OptionError, Queue, QueueId,
    RetryReset, ScriptError,
};
use crate::publisher::{EventJson, options};

/// As if the job had not been tried.
const ALL_ATTEMPTS: RetryReset = RetryReset {
    attempts_made: true,
    attempts_started: true,
};

/// Sends letters to the queues under a prefix.
pub struct QueueRedriver {
    connection: Connection,
    prefix: String,
    table: QueueTable,
}

impl QueueRedriver {
    /// A redriver to all queues under this prefix.
    pub fn new(connection: &Connection, prefix: &str, table: &QueueTable) -> Self {
        Self {
            connection: connection.clone(),
            prefix: prefix.to_owned(),
            table: table.clone(),
        }
    }

    fn queue(&self, name: QueueName) -> Result<Queue<EventJson>, OptionError> {
        let id = QueueId::parse(&self.prefix, name.as_str())?;
        Ok(Queue::new(self.connection.clone(), id))
    }

    async fn put_back(
        &self,
        name: QueueName,
        letter: &DeadLetter,
        data: EventJson,
    ) -> Result<(), EngineError> {
        let queue = self.queue(name)?;
        let id = &letter.failure.work.job;
        let state = match queue.state(id).await? {
            Some(JobState::Failed) => FinishedState::Failed,
            Some(JobState::Completed) => FinishedState::Completed,
            // It is on its way.
            Some(_) => return Ok(()),
            None => return self.add_anew(&queue, name, letter, &data).await,
        };
        // One that lost its workers too often would fail at once with the same reason.
        let job = queue.job(id).await?;
        if job.is_some_and(|job| job.deferred_failure.is_some()) {
            // A crash between the two leaves the letter, which is what counts.
            queue.remove(id, false).await?;
            return self.add_anew(&queue, name, letter, &data).await;
        }
        queue.update_data(id, &data).await?;
        queue.retry(id, state, ALL_ATTEMPTS).await
    }

    async fn add_anew(
        &self,
        queue: &Queue<EventJson>,
        name: QueueName,
        letter: &DeadLetter,
        data: &EventJson,
    ) -> Result<(), EngineError> {
        // A number that the queue's counter gave is no id of one's own: it gets another.
        let own = JobId::parse(&letter.failure.work.job).ok();
        let options = options(own, self.table.of(name));
        let added = queue.add(&letter.failure.kind, data, &options);
        added.await.map(drop)
    }
}

#[async_trait]
impl RedriveRoad for QueueRedriver {
    async fn send(&self, letter: &DeadLetter) -> Result<(), RedriveError> {
        let refused = RedriveError::Refused;
        let queue = &letter.failure.work.queue;
        let mut names = QueueName::ALL.into_iter();
        let name = names
            .find(|name| name.as_str() == queue)
            .ok_or_else(|| refused(format!("there is no queue `{queue}`")))?;
        let data = RawValue::from_string(letter.failure.payload.clone()).map_err(|error| {
            refused(format!(
                "its payload is not JSON and must be edited first: {error}"
            ))
        })?;
        match self.put_back(name, letter, data).await {
            // Where it is not in that state any more, somebody else was faster, and it is on its way.
            Ok(()) | Err(EngineError::Script(ScriptError::NotInState { .. })) => Ok(()),
            Err(
                error @ (EngineError::Option(_) | EngineError::Data(_) | EngineError::Script(_)),
            ) => Err(refused(error.to_string())),
            Err(error) => Err(RedriveError::Unavailable(error.into())),
        }
    }
}
