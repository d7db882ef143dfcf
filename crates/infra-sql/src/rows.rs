//! What a row holds, whichever database it comes from, and the domain's value that it stands for.
//!
//! Which statement fills a row is the adapters' business, and so is a type that only one of them has.

pub(crate) mod analytics;
pub(crate) mod archive;
pub(crate) mod cards;
pub(crate) mod curators;
pub(crate) mod dead_letters;
pub(crate) mod feeds;
pub(crate) mod notifications;
pub(crate) mod outbox;
