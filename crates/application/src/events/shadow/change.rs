//! What a handler would change.

use std::fmt;

/// Rows that a handler would write or remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What would become of them.
    pub effect: Effect,
    /// What they are about, such as `card 0199...`.
    pub about: String,
    /// How many there are.
    pub rows: u64,
}

/// What would become of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Entries would come into home feeds.
    FeedEntriesAdded,
    /// Entries would leave home feeds.
    FeedEntriesRemoved,
    /// Curators would be told something.
    NotificationsAdded,
    /// What curators were told, and have not read, would be taken back.
    NotificationsRemoved,
    /// Notifications would be marked read.
    NotificationsRead,
    /// An event would be counted.
    EventsCounted,
    /// Events would be raised.
    EventsRaised,
}

impl Effect {
    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FeedEntriesAdded => "feed-entries-added",
            Self::FeedEntriesRemoved => "feed-entries-removed",
            Self::NotificationsAdded => "notifications-added",
            Self::NotificationsRemoved => "notifications-removed",
            Self::NotificationsRead => "notifications-read",
            Self::EventsCounted => "events-counted",
            Self::EventsRaised => "events-raised",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, rows, .. } = self;
        let s = if *rows == 1 { "" } else { "s" };
        match self.effect {
            Effect::FeedEntriesAdded => write!(f, "would put {about} into {rows} home feed{s}"),
            Effect::FeedEntriesRemoved => {
                write!(f, "would take {about} out of home feeds ({rows})")
            }
            Effect::NotificationsAdded => write!(f, "would tell {rows} curator{s}: {about}"),
            Effect::NotificationsRemoved => {
                write!(f, "would no longer tell {rows} curator{s}: {about}")
            }
            Effect::NotificationsRead => {
                write!(f, "would mark {rows} notification{s} of {about} read")
            }
            Effect::EventsCounted => write!(f, "would count {rows} {about}"),
            Effect::EventsRaised => write!(f, "would raise {rows} event{s}: {about}"),
        }
    }
}
