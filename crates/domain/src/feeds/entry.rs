//! A line of a feed, as stored and as shown.

use crate::cards::{Card, CardId};
use crate::curators::{Curator, CuratorId};
use crate::page::Position;
use crate::time::UnixMillis;

/// A card that belongs in feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedEntry {
    /// The card.
    pub card: CardId,
    /// Who saved it.
    pub author: CuratorId,
    /// When it was saved; the feed is ordered by this.
    pub saved_at: UnixMillis,
}

/// A line of a feed with what a reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedItem {
    /// The card.
    pub card: Card,
    /// Who saved it.
    pub author: Curator,
}

impl FeedItem {
    /// Where it stands in the feed.
    pub fn position(&self) -> Position {
        self.card.position()
    }
}

impl From<&Card> for FeedEntry {
    fn from(card: &Card) -> Self {
        Self {
            card: card.id,
            author: card.curator,
            saved_at: card.saved_at,
        }
    }
}
