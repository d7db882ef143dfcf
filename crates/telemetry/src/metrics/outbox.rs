//! How much waits in the outbox, and how much leaves it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::{Metrics, gauge_value};

/// `outbox_pending`, `outbox_parked`, `outbox_oldest_seconds`, `outbox_published_total`,
/// `outbox_published_again_total` and `outbox_forgotten_total`.
#[derive(Debug, Clone)]
pub struct OutboxMetrics {
    pending: Gauge,
    parked: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    published: Counter,
    published_again: Counter,
    forgotten: Counter,
}

impl OutboxMetrics {
    /// Adds the gauges to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let outbox = Self {
            pending: Gauge::default(),
            parked: Gauge::default(),
            oldest: Gauge::default(),
            published: Counter::default(),
            published_again: Counter::default(),
            forgotten: Counter::default(),
        };
        let registry = metrics.registry_mut();
        registry.register(
            "outbox_pending",
            "Events that wait to be published",
            outbox.pending.clone(),
        );
        registry.register(
            "outbox_parked",
            "Events that were refused for good and wait for an operator",
            outbox.parked.clone(),
        );
        registry.register_with_unit(
            "outbox_oldest",
            "How long the oldest event has waited to be published",
            Unit::Seconds,
            outbox.oldest.clone(),
        );
        registry.register(
            "outbox_published",
            "Events that were published",
            outbox.published.clone(),
        );
        registry.register(
            "outbox_published_again",
            "Events that are published again, because the queues have lost data",
            outbox.published_again.clone(),
        );
        registry.register(
            "outbox_forgotten",
            "Published events that were old enough to forget",
            outbox.forgotten.clone(),
        );
        outbox
    }

    /// So many events were published.
    pub fn published(&self, events: u64) {
        self.published.inc_by(events);
    }

    /// So many events are published again.
    pub fn published_again(&self, events: u64) {
        self.published_again.inc_by(events);
    }

    /// So many published events were forgotten.
    pub fn forgotten(&self, events: u64) {
        self.forgotten.inc_by(events);
    }

    /// Says how much waits, and for how long the oldest has; nothing waits without an `oldest`.
    pub fn set(&self, pending: u64, parked: u64, oldest: Option<Duration>) {
        self.pending.set(gauge_value(pending));
        self.parked.set(gauge_value(parked));
        self.oldest.set(oldest.unwrap_or_default().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_backlog_is_shown() {
        let mut metrics = Metrics::new();
        let outbox = OutboxMetrics::register(&mut metrics);
        outbox.set(3, 1, Some(Duration::from_millis(1500)));
        outbox.published(2);
        outbox.published(5);
        outbox.published_again(3);
        outbox.forgotten(4);
        let text = metrics.scrape().await.unwrap();
        for line in [
            "bellwether_outbox_pending 3\n",
            "bellwether_outbox_parked 1\n",
            "bellwether_outbox_oldest_seconds 1.5\n",
            "bellwether_outbox_published_total 7\n",
            "bellwether_outbox_published_again_total 3\n",
            "bellwether_outbox_forgotten_total 4\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
