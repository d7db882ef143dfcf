//! Analytics: how often what happened.

mod repository;

pub use repository::{AnalyticsReader, AnalyticsRepository};

use crate::event::EventKind;

/// How often a kind of event happened on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyCount {
    /// The UTC day, as `2026-11-24`.
    pub day: String,
    /// The kind of event.
    pub kind: EventKind,
    /// How often.
    pub count: u64,
}
