//! What a process measures, and how it is written for Prometheus.
//!
//! [`Metrics`] is the process's registry; the families beside it are what the crates record
//! through. Labels have few values: an identifier is never one.

mod dead_letter;
mod http;
mod inbox;
mod job;
mod outbox;
mod queue;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::{debug, warn};

use crate::probe::{self, Answer, Probe};

pub use dead_letter::DeadLetterMetrics;
pub use http::HttpMetrics;
pub use inbox::InboxMetrics;
pub use job::JobMetrics;
pub use outbox::OutboxMetrics;
pub use queue::QueueDepth;

/// What every name starts with.
const PREFIX: &str = "bellwether";

/// How long a scrape waits for a refresh.
const REFRESH_LIMIT: Duration = Duration::from_secs(2);

/// Everything a process measures.
pub struct Metrics {
    registry: Registry,
    refreshes: Vec<Probe>,
    refreshed: Family<RefreshLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    refresh: String,
}

impl Metrics {
    /// A registry with nothing in it.
    pub fn new() -> Self {
        Self {
            registry: Registry::with_prefix(PREFIX),
            refreshes: Vec::new(),
            refreshed: Family::default(),
        }
    }

    /// The registry, for families of a crate's own; their names get the product's prefix.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Calls `refresh` before each scrape, so that it sets gauges that nobody keeps up to date, such
    /// as a queue's depth.
    ///
    /// A refresh that fails or takes longer than two seconds leaves the gauges as they were, and
    /// `scrape_refreshed{refresh}` at 0.
    pub fn refresh_with<F, Fut>(&mut self, name: impl Into<String>, refresh: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        if self.refreshes.is_empty() {
            self.registry.register(
                "scrape_refreshed",
                "Whether the gauges of this refresh are up to date",
                self.refreshed.clone(),
            );
        }
        let name = name.into();
        let labels = RefreshLabels {
            refresh: name.clone(),
        };
        // It counts as fresh until it fails, so that the first failure is a change and is logged.
        self.refreshed.get_or_create_owned(&labels).set(1);
        self.refreshes.push(Probe::new(name, refresh));
    }

    /// Refreshes what is to be refreshed, and writes everything as `OpenMetrics` text.
    pub async fn scrape(&self) -> Result<String, fmt::Error> {
        for (refresh, answer) in probe::ask_all(&self.refreshes, REFRESH_LIMIT).await {
            let labels = RefreshLabels { refresh };
            let gauge = self.refreshed.get_or_create_owned(&labels);
            let was_fresh = gauge.set(i64::from(answer.is_ok())) == 1;
            // One warning when it starts to fail, not one a scrape.
            match answer {
                Ok(()) => {}
                Err(reason) if was_fresh => {
                    warn!(
                        "The metrics of {} are out of date: {reason}",
                        labels.refresh
                    );
                }
                Err(reason) => {
                    debug!(
                        "The metrics of {} are still out of date: {reason}",
                        labels.refresh
                    );
                }
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Buckets for what takes from a millisecond to a minute.
fn seconds_buckets() -> [f64; 14] {
    [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
    ]
}

/// A count as a gauge holds it.
fn gauge_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refresh_that_hangs_does_not_hold_up_the_scrape() {
        let mut metrics = Metrics::new();
        let depth = QueueDepth::register(&mut metrics);
        metrics.refresh_with("queues", move || {
            depth.set("feeds", "wait", 7);
            async { Ok(()) }
        });
        metrics.refresh_with("outbox", std::future::pending);
        let text = metrics.scrape().await.unwrap();
        assert!(
            text.contains("bellwether_queue_depth{queue=\"feeds\",state=\"wait\"} 7\n"),
            "{text}"
        );
        assert!(
            text.contains("bellwether_scrape_refreshed{refresh=\"queues\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("bellwether_scrape_refreshed{refresh=\"outbox\"} 0\n"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
