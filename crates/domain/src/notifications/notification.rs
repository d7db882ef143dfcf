//! A notification, as shown.

use super::{EntryView, NotificationId, NotificationKind};
use crate::page::Position;
use crate::time::UnixMillis;

/// A notification with what its recipient sees: "Ada and 4 others saved 7 links".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationView {
    /// Identifies the notification.
    pub id: NotificationId,
    /// Why.
    pub kind: NotificationKind,
    /// The last that happened.
    pub newest: EntryView,
    /// When the first happened.
    pub since: UnixMillis,
    /// How many entries it has.
    pub count: u64,
    /// How many other people than the one of the newest entry caused entries.
    pub others: u64,
    /// When its recipient read it.
    pub read_at: Option<UnixMillis>,
}

impl NotificationView {
    /// Where it stands in the list: where its newest entry does.
    pub fn position(&self) -> Position {
        self.newest.position()
    }
}
