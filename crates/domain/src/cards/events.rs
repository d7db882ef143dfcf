//! What happens to cards.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CardId, CardTitle, Link};
use crate::curators::CuratorId;

/// A card was saved to its curator's library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardAddedToLibrary {
    /// The card.
    pub card_id: CardId,
    /// Who saved it.
    pub curator_id: CuratorId,
    /// What was saved.
    #[serde(flatten)]
    pub content: SavedContent,
}

/// As much of a card's content as others need to act on the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "camelCase")]
pub enum SavedContent {
    /// A link.
    Url {
        /// The link.
        url: Link,
        /// The page's title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<CardTitle>,
    },
    /// A note; its text stays on the card.
    Note,
}

/// A card left its curator's library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardRemovedFromLibrary {
    /// The card.
    pub card_id: CardId,
    /// Whose library it was in.
    pub curator_id: CuratorId,
}

impl CardAddedToLibrary {
    pub(crate) fn subject(&self) -> Uuid {
        self.card_id.as_uuid()
    }
}

impl CardRemovedFromLibrary {
    pub(crate) fn subject(&self) -> Uuid {
        self.card_id.as_uuid()
    }
}
