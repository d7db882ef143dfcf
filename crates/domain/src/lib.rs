//! The domain of Bellwether: what happens, in the words of its curators.
//!
//! One module a bounded context, each with its aggregate, its values, its events and the ports it
//! needs. Nothing here performs I/O, reads a clock or knows that a queue exists: adapters implement
//! the ports ([`EventPublisher`] first of all) and use cases in `application` call them.

pub mod analytics;
pub mod cards;
pub mod curators;
pub mod event;
pub mod feeds;
mod id;
pub mod notifications;
pub mod page;
pub mod store;
pub mod text;
pub mod time;

pub use event::publisher::EventPublisher;
pub use event::{DomainEvent, EventEnvelope, EventId, EventKind};
pub use page::{Page, PageLimit, PageRequest, Position};
pub use store::{Store, StoreError, UnitOfWork};
pub use time::{Clock, UnixMillis};
