//! A notification, as stored and as shown.

use std::fmt;
use std::str::FromStr;

use super::NotificationId;
use crate::cards::{Card, CardId};
use crate::curators::{Curator, CuratorId};
use crate::event::EventId;
use crate::page::Position;
use crate::time::UnixMillis;

/// Why somebody is notified. The order is precedence: the first is the most specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationKind {
    /// Somebody started to follow the recipient.
    NewFollower,
    /// Somebody saved a URL that the recipient has saved.
    SameUrlSaved,
    /// Somebody whom the recipient follows saved something.
    FolloweeSaved,
}

/// No notification kind has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown notification kind `{0}`")]
pub struct UnknownNotificationKind(String);

impl NotificationKind {
    /// Every kind there is, the most specific first.
    pub const ALL: [Self; 3] = [Self::NewFollower, Self::SameUrlSaved, Self::FolloweeSaved];

    /// The name, as stored and as shown in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewFollower => "new-follower",
            Self::SameUrlSaved => "same-url-saved",
            Self::FolloweeSaved => "followee-saved",
        }
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NotificationKind {
    type Err = UnknownNotificationKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownNotificationKind(name.to_owned()))
    }
}

/// Something that concerns somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Identifies the notification.
    pub id: NotificationId,
    /// Whom it concerns.
    pub recipient: CuratorId,
    /// Why.
    pub kind: NotificationKind,
    /// Who caused it.
    pub actor: CuratorId,
    /// The card it is about, if it is about one.
    pub card: Option<CardId>,
    /// The event it came from.
    pub event: EventId,
    /// When the event happened.
    pub occurred_at: UnixMillis,
}

/// A notification with what its recipient sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationView {
    /// Identifies the notification.
    pub id: NotificationId,
    /// Why.
    pub kind: NotificationKind,
    /// Who caused it.
    pub actor: Curator,
    /// The card it is about; absent if it is about none or the card was removed since.
    pub card: Option<Card>,
    /// When the event happened.
    pub occurred_at: UnixMillis,
    /// When its recipient read it.
    pub read_at: Option<UnixMillis>,
}

impl NotificationView {
    /// Where it stands in the list.
    pub fn position(&self) -> Position {
        Position {
            at: self.occurred_at,
            id: self.id.as_uuid(),
        }
    }
}
