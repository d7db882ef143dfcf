//! Notifications: telling people what concerns them.
//!
//! What concerns somebody is an [`Entry`], one for an event. Entries of one burst are one
//! notification, which its recipient sees from the first entry on and which grows with the others.

mod entry;
mod grouping;
mod kind;
mod notification;
pub mod policy;
mod repository;

pub use entry::{Entry, EntryView};
pub use grouping::{Group, GroupKey, Grouping};
pub use kind::{NotificationKind, UnknownNotificationKind};
pub use notification::NotificationView;
pub use repository::{NotificationReader, NotificationRepository};

use crate::id::uuid_id;

uuid_id! {
    /// Identifies a notification.
    NotificationId
}

uuid_id! {
    /// Identifies an entry of a notification.
    EntryId
}
