//! Counts uses over all processes, in Valkey.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use application::rates::{Count, Counted, RateCounter};
use async_trait::async_trait;
use domain::store::BoxError;
use tokio::time::Instant;

use crate::engine::{Connection, EngineError, OptionError, QueueId, Tally};

/// What the keys are under, beside the queues.
const NAME: &str = "rates";

/// How long a request may wait for its count.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long nobody asks again after there was no answer, so that an outage slows down one request
/// a second and not all of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts in Valkey, by its clock. Fails soon while it is away.
pub struct SharedCounter {
    tally: Tally,
    asks_again_at: Mutex<Option<Instant>>,
}

impl SharedCounter {
    /// A counter beside the queues under this prefix.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if nothing in Valkey can have that prefix.
    pub fn new(connection: &Connection, prefix: &str) -> Result<Self, OptionError> {
        let id = QueueId::parse(prefix, NAME)?;
        Ok(Self {
            tally: Tally::new(connection.clone(), &id),
            asks_again_at: Mutex::default(),
        })
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, BoxError> {
        let now = Instant::now();
        if self.pause().is_some_and(|until| now < until) {
            return Err("Valkey did not answer a moment ago".into());
        }
        let answer = match tokio::time::timeout(PATIENCE, question).await {
            Ok(answer) => answer.map_err(BoxError::from),
            // Given up, it may be counted all the same, which does nobody much harm.
            Err(_) => Err(format!("Valkey did not answer within {PATIENCE:?}").into()),
        };
        *self.asks_again_at() = answer.is_err().then(|| Instant::now() + PAUSE);
        answer
    }

    fn pause(&self) -> Option<Instant> {
        *self.asks_again_at()
    }

    fn asks_again_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.asks_again_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateCounter for SharedCounter {
    async fn count(&self, what: &Counted, window: Duration) -> Result<Count, BoxError> {
        let name = what.name();
        let tallied = self.ask(self.tally.count(&name, window)).await?;
        Ok(Count {
            count: tallied.count,
            ends_in: tallied.ends_in,
        })
    }

    async fn forget(&self, what: &Counted) -> Result<(), BoxError> {
        self.ask(self.tally.forget(&what.name())).await
    }
}
