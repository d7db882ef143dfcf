//! Queues in Valkey that BullMQ's clients share, and the domain's ports on top of them.
//!
//! [`engine`] is the queue engine: it knows nothing of Bellwether and can be used alone, with job
//! types of one's own. [`publisher`] and [`consumer`] carry domain events over it; [`reconciler`]
//! and [`redriver`] look after what failed, [`jobs`] cancels, and [`rates`] counts how often something
//! was done.

// The engine's callers decide by its errors, so each fallible function says when it fails.
#![warn(clippy::missing_errors_doc)]

pub mod consumer;
pub mod engine;
mod history;
pub mod identity;
pub mod jobs;
pub mod publisher;
pub mod rates;
pub mod reconciler;
pub mod redriver;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
