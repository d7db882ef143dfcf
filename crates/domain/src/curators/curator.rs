//! The account of somebody who saves links.

use super::events::CuratorRegistered;
use super::{CuratorId, Handle};
use crate::event::DomainEvent;
use crate::text::text_value;
use crate::time::UnixMillis;

text_value! {
    /// The name shown beside what a curator does.
    DisplayName, 64, One
}

/// Somebody who saves links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curator {
    /// Identifies the curator.
    pub id: CuratorId,
    /// The unique name, as in `@ada`.
    pub handle: Handle,
    /// The name shown to people.
    pub display_name: DisplayName,
    /// When the account was made.
    pub registered_at: UnixMillis,
}

impl Curator {
    /// Makes an account, and the event that says so.
    pub fn register(
        handle: Handle,
        display_name: DisplayName,
        now: UnixMillis,
    ) -> (Self, DomainEvent) {
        let curator = Self {
            id: CuratorId::generate(now),
            handle,
            display_name,
            registered_at: now,
        };
        let event = CuratorRegistered {
            curator_id: curator.id,
            handle: curator.handle.clone(),
        };
        (curator, event.into())
    }
}
