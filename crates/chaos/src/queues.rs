//! A look at the queues.

use std::time::Duration;

use anyhow::Result;
use domain::event::generation::QueueData;
use infra_redis::engine::{Connection, ConnectionSettings, JobState, Queue, QueueId};
use infra_redis::identity::ValkeyData;
use serde_json::Value;

use crate::system::PREFIX;

/// How long is waited for how much waits: less than Valkey is away.
const PATIENCE: Duration = Duration::from_millis(100);

/// The queues of the system under test.
pub(crate) struct Queues {
    queues: Vec<Queue<Value>>,
    data: ValkeyData,
}

impl Queues {
    pub(crate) const NAMES: [&str; 4] = ["notifications", "feeds", "analytics", "events"];

    pub(crate) async fn open(valkey: &str) -> Result<Self> {
        let settings = ConnectionSettings::parse(valkey)?;
        let connection = Connection::open(&settings).await?;
        let queues = Self::NAMES.into_iter().map(|name| {
            Ok(Queue::new(
                connection.clone(),
                QueueId::parse(PREFIX, name)?,
            ))
        });
        Ok(Self {
            queues: queues.collect::<Result<_>>()?,
            data: ValkeyData::new(&connection, PREFIX)?,
        })
    }

    /// The queue of this name.
    pub(crate) fn of(&self, name: &str) -> &Queue<Value> {
        let found = self.queues.iter().find(|queue| queue.id().name() == name);
        found.expect("its name is one of the four")
    }

    /// How many jobs of each have not come to an end.
    pub(crate) async fn left(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut left = Vec::new();
        for (name, queue) in Self::NAMES.into_iter().zip(&self.queues) {
            let counts = queue.counts().await?;
            let jobs = counts.waiting + counts.active + counts.prioritized + counts.delayed;
            left.push((name, jobs + counts.waiting_children));
        }
        Ok(left)
    }

    /// What Valkey's data is known by.
    pub(crate) async fn identity(&self) -> Result<String> {
        let identity = self.data.identity().await;
        identity.map_err(|error| anyhow::anyhow!(error))
    }

    /// How many jobs wait in the queue that is furthest behind, unless Valkey is away.
    pub(crate) async fn longest(&self) -> Option<u64> {
        let left = tokio::time::timeout(PATIENCE, self.left()).await.ok()?;
        left.ok()?.into_iter().map(|(_, jobs)| jobs).max()
    }

    /// What is known of an event's jobs, in words. The id has no hyphens.
    pub(crate) async fn about(&self, event: &str) -> Result<String> {
        let id = uuid::Uuid::parse_str(event)?.to_string();
        let mut words = Vec::new();
        for (name, queue) in Self::NAMES.into_iter().zip(&self.queues) {
            let state = queue.state(&id).await?;
            let reason = queue.job(&id).await?.and_then(|job| job.failed_reason);
            match (state, reason) {
                (Some(JobState::Failed), Some(reason)) => {
                    words.push(format!("its job in `{name}` failed for good: {reason}"));
                }
                (Some(state), _) => {
                    words.push(format!("its job in `{name}` is {}", state.as_str()));
                }
                (None, _) => {}
            }
        }
        Ok(if words.is_empty() {
            "no queue has a job of it".to_owned()
        } else {
            words.join(", ")
        })
    }
}
