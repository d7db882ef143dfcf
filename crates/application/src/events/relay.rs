//! Carries events from the outbox to the publisher.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::event::generation::Generation;
use domain::event::outbox::{OutboxReader, Pending};
use domain::event::publisher::{PublishError, Refusal, Retry};
use domain::{Clock, EventId, EventPublisher, StoreError, UnixMillis};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::chain;
use super::observer::EventObserver;
use super::recovery::{Recovery, RecoveryError};

/// How a relay works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelaySettings {
    /// The most events published in one call.
    pub batch: u32,
    /// How long to wait at most before looking for events whose commit gave no signal, such as
    /// those of another process.
    pub poll: Duration,
    /// The wait before trying again after the destination was away; doubles up to `max_backoff`.
    pub min_backoff: Duration,
    /// The longest such wait, and so how late a relay notices that the destination is back.
    pub max_backoff: Duration,
    /// How often an event may be refused before it is parked.
    pub max_refusals: u32,
    /// The wait after an event's first refusal; doubles with each further one.
    pub refusal_backoff: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            batch: 100,
            poll: Duration::from_secs(5),
            min_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            max_refusals: 5,
            refusal_backoff: Duration::from_secs(1),
        }
    }
}

/// Publishes what the outbox holds, in order, until it is told to stop.
pub struct OutboxRelay {
    outbox: Arc<dyn OutboxReader>,
    publisher: Arc<dyn EventPublisher>,
    clock: Arc<dyn Clock>,
    settings: RelaySettings,
    observer: Arc<dyn EventObserver>,
    recovery: Option<Arc<Recovery>>,
}

/// What became of one look into the outbox.
enum Pass {
    /// There may be more at once.
    More,
    /// Nothing else is due.
    Done,
    /// Storage or the destination is away.
    Away,
}

impl OutboxRelay {
    /// A relay from this outbox to this publisher.
    pub fn new(
        outbox: Arc<dyn OutboxReader>,
        publisher: Arc<dyn EventPublisher>,
        clock: Arc<dyn Clock>,
        settings: RelaySettings,
    ) -> Self {
        Self {
            outbox,
            publisher,
            clock,
            settings,
            observer: Arc::new(()),
            recovery: None,
        }
    }

    /// Remembers in which generation of the queues' data what is published, so that this publishes
    /// it again if it is lost.
    #[must_use]
    pub fn recovered_by(self, recovery: Arc<Recovery>) -> Self {
        Self {
            recovery: Some(recovery),
            ..self
        }
    }

    /// Tells somebody of what is published.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn EventObserver>) -> Self {
        Self { observer, ..self }
    }

    /// Runs until `stop` is cancelled. A publication that is under way is finished first, so that
    /// what was published is recorded as published.
    pub async fn run(&self, stop: CancellationToken) {
        let mut backoff = self.settings.min_backoff;
        while !stop.is_cancelled() {
            match self.pass().await {
                Pass::More => backoff = self.settings.min_backoff,
                Pass::Done => {
                    backoff = self.settings.min_backoff;
                    self.wait_for_events(&stop).await;
                }
                Pass::Away => {
                    let wait = tokio::time::sleep(backoff);
                    let _ = stop.run_until_cancelled(wait).await;
                    backoff = (backoff * 2).min(self.settings.max_backoff);
                }
            }
        }
    }

    async fn wait_for_events(&self, stop: &CancellationToken) {
        let due = match self.outbox.next_due().await {
            Ok(Some(due)) => until(self.clock.now(), due),
            Ok(None) | Err(_) => self.settings.poll,
        };
        // `recorded` returns at once for a commit since the last look, so none is missed between
        // that look and this wait.
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.outbox.recorded() => {}
            () = tokio::time::sleep(due.min(self.settings.poll)) => {}
        }
    }

    async fn pass(&self) -> Pass {
        match self.publish_batch().await {
            Ok(pass) => pass,
            Err(error) => {
                error!(error = %chain(&error), "The outbox can't be read or written; trying again");
                Pass::Away
            }
        }
    }

    async fn publish_batch(&self) -> Result<Pass, StoreError> {
        let claim = self
            .outbox
            .claim(self.clock.now(), self.settings.batch)
            .await?;
        let pass = self.publish(claim.events()).await;
        claim.release().await;
        pass
    }

    async fn publish(&self, pending: &[Pending]) -> Result<Pass, StoreError> {
        if pending.is_empty() {
            return Ok(Pass::Done);
        }
        let envelopes: Vec<_> = pending.iter().map(|p| p.envelope.clone()).collect();
        // Asked for before, so that what is lost after this was published in it.
        let generation = match self.generation().await {
            Ok(generation) => generation,
            Err(RecoveryError::Store(error)) => return Err(error),
            Err(error @ RecoveryError::Away(_)) => return Ok(away(envelopes.len(), &error)),
        };
        let refusals = match self.publisher.publish(&envelopes).await {
            Ok(()) => Vec::new(),
            Err(PublishError::Refused(refusals)) => refusals,
            Err(error @ PublishError::Unavailable(_)) => {
                return Ok(away(envelopes.len(), &error));
            }
        };
        let refused: HashSet<_> = refusals.iter().map(|refusal| refusal.event).collect();
        let published: Vec<_> = envelopes
            .iter()
            .map(|envelope| envelope.id)
            .filter(|id| !refused.contains(id))
            .collect();
        if !self.record(&published, generation).await? {
            return Ok(Pass::More);
        }
        debug!("Published {} events", published.len());
        self.observer.published(published.len());
        let held_up = self.put_off_all(pending, refusals).await?;
        let is_full = envelopes.len() >= self.settings.batch as usize;
        // What was held up may go at once if the event in front of it was parked.
        Ok(if is_full || held_up > 0 {
            Pass::More
        } else {
            Pass::Done
        })
    }

    async fn generation(&self) -> Result<Option<Generation>, RecoveryError> {
        match &self.recovery {
            Some(recovery) => recovery.generation().await.map(Some),
            None => Ok(None),
        }
    }

    /// Records what was published; whether that was of use. It is published once more if the queues'
    /// data is of another generation by now.
    async fn record(
        &self,
        published: &[EventId],
        generation: Option<Generation>,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let (Some(recovery), Some(generation)) = (&self.recovery, generation) else {
            self.outbox.mark_published(published, now).await?;
            return Ok(true);
        };
        let recorded = recovery.record(generation, published, now).await?;
        if recorded == 0 && !published.is_empty() {
            // If that fails, the next pass finds out.
            let _ = recovery.look().await;
            return Ok(false);
        }
        Ok(true)
    }

    /// Puts off what was refused; how many stay as they are, because an earlier event of the same
    /// subject is put off in this pass: to be refused for its sake is not their failure.
    async fn put_off_all(
        &self,
        pending: &[Pending],
        refusals: Vec<Refusal>,
    ) -> Result<usize, StoreError> {
        let mut refusals: HashMap<_, _> = refusals
            .into_iter()
            .map(|refusal| (refusal.event, refusal))
            .collect();
        let mut put_off = HashSet::new();
        let mut held_up = 0;
        for pending in pending {
            let Some(refusal) = refusals.remove(&pending.envelope.id) else {
                continue;
            };
            let subject = pending.envelope.event.subject();
            if put_off.contains(&subject) {
                held_up += 1;
                continue;
            }
            if refusal.retry == Retry::Later {
                put_off.insert(subject);
            }
            self.put_off(pending, refusal).await?;
        }
        Ok(held_up)
    }

    async fn put_off(&self, pending: &Pending, refusal: Refusal) -> Result<(), StoreError> {
        let refusals = pending.refusals + 1;
        let Refusal {
            event,
            reason,
            retry,
        } = refusal;
        if retry == Retry::Never || refusals >= self.settings.max_refusals {
            self.publisher.give_up(&pending.envelope, refusals).await?;
            error!(event.id = %event, "Event {event} is parked after {refusals} refusals: {reason}");
            return self.outbox.park(event, &reason).await;
        }
        let wait = self.settings.refusal_backoff * 2_u32.saturating_pow(refusals - 1);
        info!(event.id = %event, "Event {event} is put off for {wait:?}: {reason}");
        let until = self.clock.now().later(wait);
        self.outbox.defer(event, &reason, until).await
    }
}

fn away(events: usize, error: &(dyn std::error::Error + 'static)) -> Pass {
    warn!(error = %chain(error), "{events} events wait: the queues can't be reached");
    Pass::Away
}

fn until(now: UnixMillis, due: UnixMillis) -> Duration {
    let millis = due.as_i64().saturating_sub(now.as_i64());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
