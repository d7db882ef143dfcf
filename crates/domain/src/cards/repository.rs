//! The storage ports of cards.

use async_trait::async_trait;

use super::{Card, CardId, Link};
use crate::curators::CuratorId;
use crate::page::{Page, PageRequest, Position};
use crate::store::StoreError;

/// Changes cards.
#[async_trait]
pub trait CardRepository: Send {
    /// Adds a card. MUST fail with `Conflict("url")` if its curator has a card with the same
    /// canonical URL.
    async fn add(&mut self, card: &Card) -> Result<(), StoreError>;

    /// The card, if it is in this curator's library.
    async fn owned(&mut self, curator: CuratorId, card: CardId)
    -> Result<Option<Card>, StoreError>;

    /// Whether there is such a card. If so, it MUST stay until the unit of work ends.
    async fn exists(&mut self, card: CardId) -> Result<bool, StoreError>;

    /// Removes a card; `false` if there is none.
    async fn remove(&mut self, card: CardId) -> Result<bool, StoreError>;

    /// The newest cards of a curator, newest first, at most `limit`.
    async fn newest(&mut self, curator: CuratorId, limit: u32) -> Result<Vec<Card>, StoreError>;

    /// Everybody who has a card with the same canonical URL that was saved before `before`.
    ///
    /// Events may be handled in another order than they happened in, so "has by now" would not
    /// tell who was first.
    async fn savers(&mut self, link: &Link, before: Position)
    -> Result<Vec<CuratorId>, StoreError>;
}

/// Reads cards.
#[async_trait]
pub trait CardReader: Send + Sync {
    /// The card with this id.
    async fn by_id(&self, card: CardId) -> Result<Option<Card>, StoreError>;

    /// The card of a curator with the same canonical URL.
    async fn by_link(&self, curator: CuratorId, link: &Link) -> Result<Option<Card>, StoreError>;

    /// A curator's cards, newest first.
    async fn library(
        &self,
        curator: CuratorId,
        page: PageRequest,
    ) -> Result<Page<Card>, StoreError>;
}
