//! Saving URLs and notes to a library.

use std::sync::Arc;

use domain::cards::{Card, CardContent, CardId};
use domain::curators::CuratorId;
use domain::event::Origin;
use domain::{Clock, EventEnvelope, Page, PageRequest, StoreError};

use crate::SharedStore;

/// Why a card can't be saved, shown or removed.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The curator has a card with this URL.
    #[error("this URL is in your library already")]
    AlreadySaved(CardId),
    /// There is no such card.
    #[error("there is no such card")]
    Unknown,
    /// The curator has no such card; somebody else may.
    #[error("there is no such card in your library")]
    NotInLibrary,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Saves, shows and removes cards.
#[derive(Clone)]
pub struct Cards {
    store: SharedStore,
    clock: Arc<dyn Clock>,
}

impl Cards {
    /// Use cases on this store.
    pub fn new(store: SharedStore, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Saves a URL or a note; the event is recorded in the same transaction.
    pub async fn save(
        &self,
        curator: CuratorId,
        content: CardContent,
        origin: Origin,
    ) -> Result<Card, CardError> {
        let now = self.clock.now();
        let (card, event) = Card::save(curator, content, now);
        let mut work = self.store.begin().await?;
        match work.cards().add(&card).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => {
                drop(work);
                return Err(self.already_saved(&card).await);
            }
            Err(error) => return Err(error.into()),
        }
        let envelope = EventEnvelope::new(event, origin, now);
        work.outbox().record(&[envelope]).await?;
        work.commit().await?;
        Ok(card)
    }

    /// Removes a card from its curator's library.
    pub async fn remove(
        &self,
        curator: CuratorId,
        card: CardId,
        origin: Origin,
    ) -> Result<(), CardError> {
        let mut work = self.store.begin().await?;
        let card = work.cards().owned(curator, card).await?;
        let card = card.ok_or(CardError::NotInLibrary)?;
        work.cards().remove(card.id).await?;
        let envelope = EventEnvelope::new(card.remove(), origin, self.clock.now());
        work.outbox().record(&[envelope]).await?;
        work.commit().await?;
        Ok(())
    }

    /// The card with this id, whoever saved it.
    pub async fn find(&self, card: CardId) -> Result<Card, CardError> {
        let card = self.store.cards().by_id(card).await?;
        card.ok_or(CardError::Unknown)
    }

    /// A curator's cards, newest first.
    pub async fn library(
        &self,
        curator: CuratorId,
        page: PageRequest,
    ) -> Result<Page<Card>, StoreError> {
        self.store.cards().library(curator, page).await
    }

    async fn already_saved(&self, card: &Card) -> CardError {
        let Some(link) = card.link() else {
            return StoreError::Conflict("card").into();
        };
        match self.store.cards().by_link(card.curator, link).await {
            Ok(Some(existing)) => CardError::AlreadySaved(existing.id),
            // Removed between the conflict and this look: saving again will work.
            Ok(None) => StoreError::Conflict("url").into(),
            Err(error) => error.into(),
        }
    }
}
