//! Notifications: telling people what concerns them.

mod notification;
pub mod policy;
mod repository;

pub use notification::{Notification, NotificationKind, NotificationView, UnknownNotificationKind};
pub use repository::{NotificationReader, NotificationRepository};

use crate::id::uuid_id;

uuid_id! {
    /// Identifies a notification.
    NotificationId
}
