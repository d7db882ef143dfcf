//! What a curator saves.

use super::events::{CardAddedToLibrary, CardRemovedFromLibrary, SavedContent};
use super::{CardId, Link};
use crate::curators::CuratorId;
use crate::event::DomainEvent;
use crate::page::Position;
use crate::text::text_value;
use crate::time::UnixMillis;

text_value! {
    /// The title of a page, as its curator gives it.
    CardTitle, 300, One
}

text_value! {
    /// What a curator writes: a thought of its own, or a remark on a URL.
    Note, 10_000, Many
}

/// What a card holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardContent {
    /// A link, and what its curator says of it.
    Url {
        /// The link.
        link: Link,
        /// The page's title.
        title: Option<CardTitle>,
        /// A remark.
        note: Option<Note>,
    },
    /// A thought without a link.
    Note(Note),
}

/// A URL or a note in a curator's library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Identifies the card.
    pub id: CardId,
    /// Whose library it is in.
    pub curator: CuratorId,
    /// What it holds.
    pub content: CardContent,
    /// When it was saved.
    pub saved_at: UnixMillis,
}

impl Card {
    /// Where it stands in a library and in feeds.
    pub fn position(&self) -> Position {
        Position {
            at: self.saved_at,
            id: self.id.as_uuid(),
        }
    }

    /// Saves something to a library, and the event that says so.
    pub fn save(curator: CuratorId, content: CardContent, now: UnixMillis) -> (Self, DomainEvent) {
        let card = Self {
            id: CardId::generate(now),
            curator,
            content,
            saved_at: now,
        };
        let content = match &card.content {
            CardContent::Url { link, title, .. } => SavedContent::Url {
                url: link.clone(),
                title: title.clone(),
            },
            CardContent::Note(_) => SavedContent::Note,
        };
        let event = CardAddedToLibrary {
            card_id: card.id,
            curator_id: curator,
            content,
        };
        (card, event.into())
    }

    /// The event that says that the card left its library.
    pub fn remove(&self) -> DomainEvent {
        CardRemovedFromLibrary {
            card_id: self.id,
            curator_id: self.curator,
        }
        .into()
    }

    /// The link, if the card holds one.
    pub fn link(&self) -> Option<&Link> {
        match &self.content {
            CardContent::Url { link, .. } => Some(link),
            CardContent::Note(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_a_url_tells_which_url_and_keeps_the_note_private_to_the_card() {
        let now = UnixMillis::new(1_700_000_000_000);
        let ada = CuratorId::generate(now);
        let content = CardContent::Url {
            link: Link::parse("https://example.org/").unwrap(),
            title: None,
            note: Some(Note::parse("read this").unwrap()),
        };
        let (card, event) = Card::save(ada, content, now);
        let DomainEvent::CardAddedToLibrary(added) = event else {
            panic!("not CardAddedToLibrary: {event:?}")
        };
        assert_eq!((added.card_id, added.curator_id), (card.id, ada));
        assert!(
            matches!(added.content, SavedContent::Url { url, .. } if Some(&url) == card.link())
        );
    }
}
