//! Generations of what the queues hold.

use async_trait::async_trait;
use domain::event::dead_letter::LetterState;
use domain::event::generation::{Duty, Generation, Generations, Looked};
use domain::{EventId, EventKind, StoreError, UnixMillis};

use super::{MemoryStore, State};

/// What the queues' data was last known by.
#[derive(Clone)]
pub(super) struct QueueData {
    identity: String,
    generation: Generation,
    /// The generation and the place of the last event that was looked at.
    looked_at: Option<(Generation, usize)>,
}

impl State {
    fn has_still_to_act(&self, duties: &[Duty], event: EventId, kind: EventKind) -> bool {
        duties.iter().any(|duty| {
            let key = (duty.handler.to_owned(), event);
            let mut letters = self.dead_letters.values();
            let has_failed = letters.any(|letter| {
                let failure = &letter.failure;
                failure.event == Some(event)
                    && failure.work.handler == duty.handler
                    && matches!(letter.state, LetterState::Dead | LetterState::Discarded)
            });
            duty.kind == kind && !self.inbox.contains_key(&key) && !has_failed
        })
    }
}

#[async_trait]
impl Generations for MemoryStore {
    async fn generation(&self, identity: &str) -> Result<(Generation, bool), StoreError> {
        Ok(self
            .change(|state| {
                let identity = identity.to_owned();
                let Some(known) = &mut state.queue_data else {
                    state.queue_data = Some(QueueData {
                        identity,
                        generation: Generation::FIRST,
                        looked_at: None,
                    });
                    return (Generation::FIRST, false);
                };
                let is_new = known.identity != identity;
                if is_new {
                    known.identity = identity;
                    known.generation = Generation::from_i64(known.generation.as_i64() + 1);
                }
                (known.generation, is_new)
            })
            .await)
    }

    async fn mark_published_in(
        &self,
        generation: Generation,
        events: &[EventId],
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        Ok(self
            .change(|state| {
                let known = state.queue_data.as_ref();
                if known.is_none_or(|known| known.generation != generation) {
                    return 0;
                }
                let mut marked = 0;
                for event in events {
                    for row in state.recorded(*event) {
                        row.publish(now, generation);
                        marked += 1;
                    }
                }
                marked
            })
            .await)
    }

    async fn publish_again(&self, duties: &[Duty], limit: u32) -> Result<Looked, StoreError> {
        let looked = self
            .change(|state| {
                let known = state.queue_data.clone()?;
                let rows = state.outbox.iter().enumerate();
                let mut earlier: Vec<_> = rows
                    .filter(|(_, row)| row.is_published() && row.published_in < known.generation)
                    .map(|(place, row)| (row.published_in, place))
                    .filter(|at| Some(*at) > known.looked_at)
                    .collect();
                earlier.sort_unstable();
                earlier.truncate(limit as usize);
                let looked_at = earlier.last().copied();
                let mut looked = Looked::default();
                for (_, place) in earlier {
                    looked.at += 1;
                    let event = state.outbox[place].envelope();
                    if state.has_still_to_act(duties, event.id, event.kind()) {
                        state.outbox[place].publish_again();
                        looked.again += 1;
                    }
                }
                if let (Some(known), Some(_)) = (&mut state.queue_data, looked_at) {
                    known.looked_at = looked_at;
                }
                Some(looked)
            })
            .await
            .unwrap_or_default();
        if looked.again > 0 {
            self.recorded.notify_one();
        }
        Ok(looked)
    }
}
