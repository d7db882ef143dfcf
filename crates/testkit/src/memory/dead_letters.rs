//! Jobs that failed for good.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::event::dead_letter::{
    DeadLetter, DeadLetterCount, DeadLetterFilter, DeadLetterId, DeadLetterReader,
    DeadLetterRepository, FailedForGood, LetterState,
};
use domain::{EventId, Page, PageRequest, StoreError, UnixMillis};

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State, newest_first};

impl State {
    /// The letter as it was decided on, unless it changed since.
    fn unchanged(&mut self, letter: &DeadLetter) -> Option<&mut DeadLetter> {
        let mut letters = self.dead_letters.values_mut();
        letters.find(|other| (other.id, other.revision) == (letter.id, letter.revision))
    }
}

fn change(letter: &mut DeadLetter, now: UnixMillis) {
    letter.changed_at = now;
    letter.revision += 1;
}

#[async_trait]
impl DeadLetterRepository for MemoryUnitOfWork {
    async fn record(&mut self, failure: &FailedForGood) -> Result<DeadLetterId, StoreError> {
        let known = self.state.dead_letters.get(&failure.work);
        let letter = DeadLetter {
            id: known.map_or_else(|| DeadLetterId::generate(failure.failed_at), |l| l.id),
            fingerprint: failure.fingerprint(),
            original_payload: known
                .filter(|letter| letter.failure.payload == failure.payload)
                .and_then(|letter| letter.original_payload.clone()),
            state: LetterState::Dead,
            changed_at: failure.failed_at,
            revision: known.map_or(0, |letter| letter.revision) + 1,
            failure: failure.clone(),
        };
        let id = letter.id;
        self.state.dead_letters.insert(failure.work.clone(), letter);
        Ok(id)
    }

    async fn reconcile(&mut self, failure: &FailedForGood) -> Result<bool, StoreError> {
        let known = self.state.dead_letters.get(&failure.work);
        let is_known = known.is_some_and(|letter| {
            letter.state != LetterState::Redriven || letter.changed_at > failure.failed_at
        });
        if !is_known {
            self.record(failure).await?;
        }
        Ok(!is_known)
    }

    async fn resolve(
        &mut self,
        handler: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        for letter in self.state.dead_letters.values_mut() {
            let is_open = matches!(letter.state, LetterState::Dead | LetterState::Redriven);
            let failure = &letter.failure;
            if is_open && failure.event == Some(event) && failure.work.handler == handler {
                letter.state = LetterState::Resolved;
                change(letter, now);
            }
        }
        Ok(())
    }

    async fn edit(
        &mut self,
        letter: &DeadLetter,
        payload: &str,
        event: EventId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let letter = self.state.unchanged(letter);
        let Some(letter) = letter.filter(|letter| letter.state == LetterState::Dead) else {
            return Ok(false);
        };
        let before = std::mem::replace(&mut letter.failure.payload, payload.to_owned());
        letter.original_payload.get_or_insert(before);
        letter.failure.event = Some(event);
        change(letter, now);
        Ok(true)
    }

    async fn bring_to(
        &mut self,
        letter: &DeadLetter,
        state: LetterState,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let Some(letter) = self.state.unchanged(letter) else {
            return Ok(false);
        };
        letter.state = state;
        change(letter, now);
        Ok(true)
    }
}

fn matches(letter: &DeadLetter, filter: &DeadLetterFilter) -> bool {
    let failure = &letter.failure;
    let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|w| w == value);
    is(&filter.queue, &failure.work.queue)
        && is(&filter.handler, &failure.work.handler)
        && is(&filter.kind, &failure.kind)
        && is(&filter.fingerprint, &letter.fingerprint)
        && filter.class.is_none_or(|class| class == failure.class)
        && filter.state.is_none_or(|state| state == letter.state)
        && filter.from.is_none_or(|from| failure.failed_at >= from)
        && filter.until.is_none_or(|until| failure.failed_at < until)
}

#[async_trait]
impl DeadLetterReader for MemoryStore {
    async fn by_id(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.read(|state| {
            let mut letters = state.dead_letters.values();
            letters.find(|letter| letter.id == id).cloned()
        }))
    }

    async fn list(
        &self,
        filter: &DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let letters: Vec<DeadLetter> = self.read(|state| {
            let letters = state.dead_letters.values();
            letters
                .filter(|letter| matches(letter, filter))
                .cloned()
                .collect()
        });
        let letters = newest_first(letters, &page, DeadLetter::position);
        Ok(Page::from_one_more(
            letters,
            page.limit,
            DeadLetter::position,
        ))
    }

    async fn dead(&self) -> Result<Vec<DeadLetterCount>, StoreError> {
        let mut counts = BTreeMap::new();
        self.read(|state| {
            for letter in state.dead_letters.values() {
                if letter.state == LetterState::Dead {
                    let failure = &letter.failure;
                    let key = (failure.work.handler.clone(), failure.class);
                    *counts.entry(key).or_default() += 1;
                }
            }
        });
        let counts = counts.into_iter();
        let count = |((handler, class), letters)| DeadLetterCount {
            handler,
            class,
            letters,
        };
        Ok(counts.map(count).collect())
    }
}
