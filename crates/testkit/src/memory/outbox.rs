//! Events that wait to be published.

use std::sync::Arc;

use async_trait::async_trait;
use domain::event::generation::Generation;
use domain::event::outbox::{Backlog, Claim, Outbox, OutboxReader, Pending};
use domain::event::retention::Retention;
use domain::{EventEnvelope, EventId, StoreError, UnixMillis};
use tokio::sync::OwnedMutexGuard;

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State};

#[derive(Clone)]
pub(super) struct Recorded {
    envelope: EventEnvelope,
    refusals: u32,
    due_at: Option<UnixMillis>,
    state: RecordedState,
    pub(super) published_in: Generation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RecordedState {
    Waiting,
    Parked,
    Published(UnixMillis),
}

impl Recorded {
    fn new(envelope: EventEnvelope) -> Self {
        Self {
            envelope,
            refusals: 0,
            due_at: None,
            state: RecordedState::Waiting,
            published_in: Generation::FIRST,
        }
    }

    pub(super) fn envelope(&self) -> EventEnvelope {
        self.envelope.clone()
    }

    pub(super) fn is_published(&self) -> bool {
        matches!(self.state, RecordedState::Published(_))
    }

    pub(super) fn publish(&mut self, now: UnixMillis, generation: Generation) {
        self.state = RecordedState::Published(now);
        self.published_in = generation;
    }

    pub(super) fn publish_again(&mut self) {
        self.state = RecordedState::Waiting;
    }

    fn is_waiting(&self) -> bool {
        self.state == RecordedState::Waiting
    }
}

impl State {
    pub(super) fn recorded(&mut self, event: EventId) -> impl Iterator<Item = &mut Recorded> {
        self.outbox
            .iter_mut()
            .filter(move |row| row.envelope.id == event && !row.is_published())
    }

    /// When the waiting event at this place may be published: not before those of its subject that
    /// were recorded earlier.
    fn due(&self, place: usize) -> Option<UnixMillis> {
        let subject = self.outbox[place].envelope.event.subject();
        self.outbox[..=place]
            .iter()
            .filter(|row| row.is_waiting() && row.envelope.event.subject() == subject)
            .filter_map(|row| row.due_at)
            .max()
    }

    fn waiting(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        self.outbox
            .iter()
            .enumerate()
            .filter(|(_, row)| row.is_waiting())
    }
}

#[async_trait]
impl Outbox for MemoryUnitOfWork {
    async fn record(&mut self, events: &[EventEnvelope]) -> Result<(), StoreError> {
        self.state
            .outbox
            .extend(events.iter().cloned().map(Recorded::new));
        Ok(())
    }
}

/// One relay at a time.
struct Claimed {
    events: Vec<Pending>,
    _turn: OwnedMutexGuard<()>,
}

#[async_trait]
impl Claim for Claimed {
    fn events(&self) -> &[Pending] {
        &self.events
    }

    async fn release(self: Box<Self>) {}
}

#[async_trait]
impl OutboxReader for MemoryStore {
    async fn recorded(&self) {
        self.recorded.notified().await;
    }

    async fn claim(&self, now: UnixMillis, limit: u32) -> Result<Box<dyn Claim>, StoreError> {
        let turn = Arc::clone(&self.relays).lock_owned().await;
        Ok(Box::new(Claimed {
            events: self.pending(now, limit).await?,
            _turn: turn,
        }))
    }

    async fn pending(&self, now: UnixMillis, limit: u32) -> Result<Vec<Pending>, StoreError> {
        Ok(self.read(|state| {
            let due = state
                .waiting()
                .filter(|(place, _)| state.due(*place) <= Some(now));
            due.take(limit as usize)
                .map(|(_, row)| Pending {
                    envelope: row.envelope(),
                    refusals: row.refusals,
                })
                .collect()
        }))
    }

    async fn mark_published(&self, events: &[EventId], now: UnixMillis) -> Result<(), StoreError> {
        self.change(|state| {
            for event in events {
                for row in state.recorded(*event) {
                    row.state = RecordedState::Published(now);
                }
            }
        })
        .await;
        Ok(())
    }

    async fn defer(
        &self,
        event: EventId,
        _reason: &str,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        self.change(|state| {
            for row in state.recorded(event) {
                row.refusals += 1;
                row.due_at = Some(until);
            }
        })
        .await;
        Ok(())
    }

    async fn park(&self, event: EventId, _reason: &str) -> Result<(), StoreError> {
        self.change(|state| {
            for row in state.recorded(event) {
                row.state = RecordedState::Parked;
            }
        })
        .await;
        Ok(())
    }

    async fn let_go(&self, event: EventId, payload: &str) -> Result<bool, StoreError> {
        let envelope = EventEnvelope::from_json(payload).ok();
        let waits = self
            .change(|state| {
                let mut waits = false;
                for row in state.recorded(event) {
                    waits = true;
                    if row.state == RecordedState::Parked
                        && let Some(envelope) = &envelope
                    {
                        *row = Recorded::new(envelope.clone());
                    }
                }
                waits
            })
            .await;
        self.recorded.notify_one();
        Ok(waits)
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.read(|state| {
            let deferred = state.waiting().filter(|(_, row)| row.due_at.is_some());
            deferred.filter_map(|(place, _)| state.due(place)).min()
        }))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(self.read(|state| {
            let parked = state
                .outbox
                .iter()
                .filter(|row| row.state == RecordedState::Parked);
            Backlog {
                pending: state.waiting().count() as u64,
                parked: parked.count() as u64,
                oldest: state
                    .waiting()
                    .map(|(_, row)| row.envelope.occurred_at)
                    .min(),
            }
        }))
    }
}

#[async_trait]
impl Retention for MemoryStore {
    async fn forget_published(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        Ok(self
            .change(|state| {
                let mut old: Vec<_> = state
                    .outbox
                    .iter()
                    .filter_map(|row| match row.state {
                        RecordedState::Published(at) if at < before => Some((at, row.envelope.id)),
                        _ => None,
                    })
                    .collect();
                old.sort();
                old.truncate(limit as usize);
                state
                    .outbox
                    .retain(|row| !old.iter().any(|(_, id)| *id == row.envelope.id));
                old.len() as u64
            })
            .await)
    }

    async fn forget_seen(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        Ok(self
            .change(|state| {
                let mut old: Vec<_> = state
                    .inbox
                    .iter()
                    .filter(|(_, at)| **at < before)
                    .map(|(pair, at)| (*at, pair.clone()))
                    .collect();
                old.sort();
                old.truncate(limit as usize);
                for (_, pair) in &old {
                    state.inbox.remove(pair);
                }
                old.len() as u64
            })
            .await)
    }

    async fn forget_letters(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError> {
        Ok(self
            .change(|state| {
                let mut old: Vec<_> = state
                    .dead_letters
                    .iter()
                    .filter(|(_, letter)| letter.changed_at < before)
                    .map(|(work, letter)| (letter.changed_at, work.clone()))
                    .collect();
                old.sort();
                old.truncate(limit as usize);
                for (_, work) in &old {
                    state.dead_letters.remove(work);
                }
                old.len() as u64
            })
            .await)
    }
}
