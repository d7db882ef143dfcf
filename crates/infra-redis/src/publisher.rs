//! Publishes domain events to queues in Valkey.

mod refusal;

use std::collections::HashMap;

use application::queues::{QueueName, QueueSettings, QueueTable, route as queues_of};
use async_trait::async_trait;
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{EventEnvelope, EventId, EventPublisher};
use serde_json::value::RawValue;
use uuid::Uuid;

use self::refusal::is_about_the_server;
use crate::engine::{
    Backoff, Connection, EngineError, JobBatch, JobId, JobOptions, Keep, NewJob, OptionError,
    QueueId,
};

/// The data of a job that carries an event: a CloudEvents object, passed through as it is.
pub(crate) type EventJson = Box<RawValue>;

/// The most events in one step. Each is a job in up to three queues, and a step of a hundred jobs
/// does not hold Valkey up.
const EVENTS_A_STEP: usize = 33;

/// Adds each event to the queues it is routed to, as a job whose id is the event's.
///
/// An event reaches all of its queues in one step. Because of the id, publishing it again adds
/// nothing while its job is there, and the inbox catches it after that.
pub struct QueuePublisher {
    connection: Connection,
    routes: Vec<Route>,
}

struct Route {
    name: QueueName,
    id: QueueId,
    settings: QueueSettings,
}

/// An event on its way.
struct Ready<'a> {
    envelope: &'a EventEnvelope,
    jobs: JobBatch,
}

/// What became of events so far.
#[derive(Default)]
struct Outcome {
    published: usize,
    refusals: Vec<Refusal>,
    /// The first event of each subject that comes again: later ones must not overtake it.
    coming_again: HashMap<Uuid, EventId>,
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
                id: QueueId::parse(prefix, name.as_str())?,
                settings: *table.of(name),
            })
        };
        let routes = QueueName::ALL.into_iter().map(route);
        Ok(Self {
            connection: connection.clone(),
            routes: routes.collect::<Result<_, OptionError>>()?,
        })
    }

    /// The jobs of an event, one for each of its queues.
    fn jobs(&self, envelope: &EventEnvelope) -> Result<JobBatch, EngineError> {
        let mut jobs = JobBatch::default();
        for route in &self.routes {
            if queues_of(envelope.kind()).contains(&route.name) {
                jobs.push(&route.id, &job(envelope, &route.settings)?)?;
            }
        }
        Ok(jobs)
    }

    /// Publishes events in one step; in a step for each if Valkey refuses that, so that one that
    /// can't be added keeps no other from it.
    async fn step(&self, events: &[Ready<'_>], outcome: &mut Outcome) -> Result<(), EngineError> {
        match self.send(events, outcome).await {
            Err(error) if !is_about_the_server(&error) => {}
            sent => return sent,
        }
        for event in events {
            if outcome.must_wait(event.envelope) {
                continue;
            }
            match self.send(std::slice::from_ref(event), outcome).await {
                Err(error) if !is_about_the_server(&error) => {
                    outcome.refuse(event.envelope, error.to_string(), Retry::Later);
                }
                sent => sent?,
            }
        }
        Ok(())
    }

    async fn send(&self, events: &[Ready<'_>], outcome: &mut Outcome) -> Result<(), EngineError> {
        let mut batch = JobBatch::default();
        for event in events {
            batch.append(&event.jobs);
        }
        let mut results = batch.send(&self.connection).await?.into_iter();
        for Ready { envelope, jobs } in events {
            // All of an event's results are taken, whatever the first of them is.
            let results: Vec<_> = results.by_ref().take(jobs.len()).collect();
            match results.into_iter().find_map(Result::err) {
                None => outcome.published += 1,
                Some(error) => outcome.refuse(envelope, error.to_string(), Retry::Later),
            }
        }
        Ok(())
    }
}

impl Outcome {
    fn refuse(&mut self, envelope: &EventEnvelope, reason: String, retry: Retry) {
        if retry == Retry::Later {
            let subject = envelope.event.subject();
            self.coming_again.entry(subject).or_insert(envelope.id);
        }
        self.refusals.push(Refusal {
            event: envelope.id,
            reason,
            retry,
        });
    }

    /// Whether an earlier event of the same subject was refused, which is noted.
    fn must_wait(&mut self, envelope: &EventEnvelope) -> bool {
        let earlier = self.coming_again.get(&envelope.event.subject()).copied();
        if let Some(earlier) = earlier {
            let reason = format!("waits for event {earlier}");
            self.refuse(envelope, reason, Retry::Later);
        }
        earlier.is_some()
    }
}

#[async_trait]
impl EventPublisher for QueuePublisher {
    async fn publish(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        let unavailable = |error: EngineError| PublishError::Unavailable(error.into());
        let mut outcome = Outcome::default();
        for events in events.chunks(EVENTS_A_STEP) {
            let mut ready = Vec::with_capacity(events.len());
            for envelope in events {
                if outcome.must_wait(envelope) {
                    continue;
                }
                match self.jobs(envelope) {
                    Ok(jobs) => ready.push(Ready { envelope, jobs }),
                    Err(error) => outcome.refuse(envelope, error.to_string(), Retry::Never),
                }
            }
            self.step(&ready, &mut outcome).await.map_err(unavailable)?;
        }
        let Outcome {
            published,
            refusals,
            ..
        } = outcome;
        let can_be_tried = |refusal: &&Refusal| refusal.retry == Retry::Later;
        match refusals.iter().find(can_be_tried) {
            // If nothing at all can be added, it is hardly the fault of each event.
            Some(refusal) if published == 0 && events.len() > 1 => {
                Err(PublishError::Unavailable(refusal.reason.clone().into()))
            }
            _ if refusals.is_empty() => Ok(()),
            _ => Err(PublishError::Refused(refusals)),
        }
    }
}

/// The job that carries an event to a queue with these settings.
pub(crate) fn job<'a>(
    envelope: &'a EventEnvelope,
    settings: &QueueSettings,
) -> Result<NewJob<'a, EventJson>, EngineError> {
    Ok(NewJob {
        name: envelope.kind().as_str(),
        data: RawValue::from_string(envelope.to_json()).map_err(EngineError::Data)?,
        options: options(Some(JobId::parse(&envelope.id.to_string())?), settings),
    })
}

/// What a job of a queue with these settings is added with.
pub(crate) fn options(id: Option<JobId>, settings: &QueueSettings) -> JobOptions {
    JobOptions {
        id,
        attempts: settings.attempts.get(),
        backoff: Some(Backoff::exponential(settings.backoff)),
        priority: settings.priority,
        keep_completed: Some(keep(settings.keep_completed)),
        keep_failed: Some(keep(settings.keep_failed)),
        ..JobOptions::default()
    }
}

fn keep(count: u32) -> Keep {
    // BullMQ reads a count of 0 as "remove at once", which is what 0 kept jobs means here.
    if count == 0 {
        Keep::None
    } else {
        Keep::Newest(count)
    }
}
