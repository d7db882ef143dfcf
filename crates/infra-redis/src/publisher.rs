//! Publishes domain events to queues in Valkey.

use application::queues::{QueueName, QueueSettings, QueueTable, route as queues_of};
use async_trait::async_trait;
use domain::event::publisher::PublishError;
use domain::{EventEnvelope, EventPublisher};
use serde_json::value::RawValue;

use crate::engine::{
    Backoff, Connection, EngineError, JobId, JobOptions, Keep, NewJob, OptionError, Queue, QueueId,
};

/// The data of a job that carries an event: a CloudEvents object, passed through as it is.
pub(crate) type EventJson = Box<RawValue>;

/// Adds each event to the queues it is routed to, as a job whose id is the event's.
///
/// Because of that id, publishing an event again adds nothing while its job is there, and the
/// inbox catches it after that.
pub struct QueuePublisher {
    queues: Vec<Route>,
}

struct Route {
    name: QueueName,
    queue: Queue<EventJson>,
    settings: QueueSettings,
}

impl QueuePublisher {
    /// A publisher to all queues under this prefix.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if the name of a queue can't be that of one in Valkey.
    pub fn new(
        connection: &Connection,
        prefix: &str,
        table: &QueueTable,
    ) -> Result<Self, OptionError> {
        let route = |name: QueueName| {
            Ok(Route {
                name,
                queue: Queue::new(connection.clone(), QueueId::parse(prefix, name.as_str())?),
                settings: *table.of(name),
            })
        };
        let queues = QueueName::ALL.into_iter().map(route);
        Ok(Self {
            queues: queues.collect::<Result<_, OptionError>>()?,
        })
    }

    async fn add(&self, route: &Route, events: &[EventEnvelope]) -> Result<(), EngineError> {
        let jobs = events
            .iter()
            .filter(|envelope| queues_of(envelope.kind()).contains(&route.name))
            .map(|envelope| job(envelope, &route.settings))
            .collect::<Result<Vec<_>, _>>()?;
        if jobs.is_empty() {
            return Ok(());
        }
        route.queue.add_bulk(&jobs).await.map(drop)
    }
}

#[async_trait]
impl EventPublisher for QueuePublisher {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        // If a later queue can't be reached, the earlier ones have the events already; publishing
        // all of them again adds them only where they are missing.
        for route in &self.queues {
            let added = self.add(route, events).await;
            added.map_err(|error| PublishError::Unavailable(error.into()))?;
        }
        Ok(())
    }
}

fn job<'a>(
    envelope: &'a EventEnvelope,
    settings: &QueueSettings,
) -> Result<NewJob<'a, EventJson>, EngineError> {
    Ok(NewJob {
        name: envelope.kind().as_str(),
        data: RawValue::from_string(envelope.to_json()).map_err(EngineError::Data)?,
        options: JobOptions {
            id: Some(JobId::parse(&envelope.id.to_string())?),
            attempts: settings.attempts.get(),
            backoff: Some(Backoff::exponential(settings.backoff)),
            priority: settings.priority,
            keep_completed: Some(keep(settings.keep_completed)),
            keep_failed: Some(keep(settings.keep_failed)),
            ..JobOptions::default()
        },
    })
}

fn keep(count: u32) -> Keep {
    // BullMQ reads a count of 0 as "remove at once", which is what 0 kept jobs means here.
    if count == 0 {
        Keep::None
    } else {
        Keep::Newest(count)
    }
}
