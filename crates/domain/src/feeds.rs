//! Feeds: what the people a curator follows have saved.
//!
//! A feed stores ids only; cards are joined on reading, so that edits and removals show at once.

mod entry;
mod repository;

pub use entry::{FeedEntry, FeedItem};
pub use repository::{FanOut, FeedReader, FeedRepository};
