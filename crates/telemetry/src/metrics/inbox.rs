//! What the inbox keeps from happening twice.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::Metrics;

/// `inbox_duplicates_total{handler}`.
#[derive(Debug, Clone)]
pub struct InboxMetrics {
    duplicates: Family<HandlerLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabels {
    handler: &'static str,
}

impl InboxMetrics {
    /// Adds the family to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let duplicates = Family::default();
        metrics.registry_mut().register(
            "inbox_duplicates",
            "Events that came again to a handler and took no effect",
            duplicates.clone(),
        );
        Self { duplicates }
    }

    /// An event came again to this handler.
    pub fn duplicate(&self, handler: &'static str) {
        let labels = HandlerLabels { handler };
        self.duplicates.get_or_create_owned(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn duplicates_are_counted_by_handler() {
        let mut metrics = Metrics::new();
        let inbox = InboxMetrics::register(&mut metrics);
        inbox.duplicate("feeds");
        inbox.duplicate("feeds");
        inbox.duplicate("analytics");
        let text = metrics.scrape().await.unwrap();
        for line in [
            "bellwether_inbox_duplicates_total{handler=\"feeds\"} 2\n",
            "bellwether_inbox_duplicates_total{handler=\"analytics\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
