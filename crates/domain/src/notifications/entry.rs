//! What a notification is made of.

use super::{EntryId, GroupKey, NotificationId, NotificationKind};
use crate::cards::{Card, CardId};
use crate::curators::{Curator, CuratorId};
use crate::event::EventId;
use crate::page::Position;
use crate::time::UnixMillis;

/// Something that concerns somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Identifies the entry.
    pub id: EntryId,
    /// Whom it concerns.
    pub recipient: CuratorId,
    /// Why.
    pub kind: NotificationKind,
    /// What entries of this kind have in common that may stand together.
    pub key: GroupKey,
    /// Who caused it.
    pub actor: CuratorId,
    /// The card it is about, if it is about one.
    pub card: Option<CardId>,
    /// The event it came from.
    pub event: EventId,
    /// When the event happened.
    pub occurred_at: UnixMillis,
}

impl Entry {
    /// The notification that begins with this entry.
    pub fn opens(&self) -> NotificationId {
        self.id.as_uuid().into()
    }

    /// Where it stands among the entries of its notification.
    pub fn position(&self) -> Position {
        Position {
            at: self.occurred_at,
            id: self.id.as_uuid(),
        }
    }
}

/// An entry with what its recipient sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView {
    /// Identifies the entry.
    pub id: EntryId,
    /// Who caused it.
    pub actor: Curator,
    /// The card it is about; absent if it is about none or the card was removed since.
    pub card: Option<Card>,
    /// When the event happened.
    pub occurred_at: UnixMillis,
}

impl EntryView {
    /// Where it stands among the entries of its notification.
    pub fn position(&self) -> Position {
        Position {
            at: self.occurred_at,
            id: self.id.as_uuid(),
        }
    }
}
