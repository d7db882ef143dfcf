//! Cards in libraries.

use async_trait::async_trait;
use domain::cards::{Card, CardId, CardReader, CardRepository, Link};
use domain::curators::CuratorId;
use domain::{Page, PageRequest, Position, StoreError};

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State, newest_first};

impl State {
    fn cards_with(&self, link: &Link) -> impl Iterator<Item = &Card> {
        let canonical = link.canonical();
        self.cards.values().filter(move |card| {
            card.link()
                .is_some_and(|link| link.canonical() == canonical)
        })
    }

    fn library(&self, curator: CuratorId) -> Vec<Card> {
        self.cards
            .values()
            .filter(|card| card.curator == curator)
            .cloned()
            .collect()
    }
}

#[async_trait]
impl CardRepository for MemoryUnitOfWork {
    async fn add(&mut self, card: &Card) -> Result<(), StoreError> {
        self.state.require_curator(card.curator)?;
        if let Some(link) = card.link()
            && self
                .state
                .cards_with(link)
                .any(|other| other.curator == card.curator)
        {
            return Err(StoreError::Conflict("url"));
        }
        self.state.cards.insert(card.id, card.clone());
        Ok(())
    }

    async fn owned(
        &mut self,
        curator: CuratorId,
        card: CardId,
    ) -> Result<Option<Card>, StoreError> {
        let card = self
            .state
            .cards
            .get(&card)
            .filter(|card| card.curator == curator);
        Ok(card.cloned())
    }

    async fn exists(&mut self, card: CardId) -> Result<bool, StoreError> {
        Ok(self.state.cards.contains_key(&card))
    }

    async fn remove(&mut self, card: CardId) -> Result<bool, StoreError> {
        Ok(self.state.cards.remove(&card).is_some())
    }

    async fn newest(&mut self, curator: CuratorId, limit: u32) -> Result<Vec<Card>, StoreError> {
        let mut cards = self.state.library(curator);
        cards.sort_by_key(|card| std::cmp::Reverse(card.position()));
        cards.truncate(limit as usize);
        Ok(cards)
    }

    async fn savers(
        &mut self,
        link: &Link,
        before: Position,
    ) -> Result<Vec<CuratorId>, StoreError> {
        Ok(self
            .state
            .cards_with(link)
            .filter(|card| card.position() < before)
            .map(|card| card.curator)
            .collect())
    }
}

#[async_trait]
impl CardReader for MemoryStore {
    async fn by_id(&self, card: CardId) -> Result<Option<Card>, StoreError> {
        Ok(self.read(|state| state.cards.get(&card).cloned()))
    }

    async fn by_link(&self, curator: CuratorId, link: &Link) -> Result<Option<Card>, StoreError> {
        Ok(self.read(|state| {
            state
                .cards_with(link)
                .find(|card| card.curator == curator)
                .cloned()
        }))
    }

    async fn library(
        &self,
        curator: CuratorId,
        page: PageRequest,
    ) -> Result<Page<Card>, StoreError> {
        let cards = newest_first(
            self.read(|state| state.library(curator)),
            &page,
            Card::position,
        );
        Ok(Page::from_one_more(cards, page.limit, Card::position))
    }
}
