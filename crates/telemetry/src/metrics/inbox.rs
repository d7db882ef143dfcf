//! What comes to handlers and takes no effect: what they did before, and what they can't do yet.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::Metrics;

/// `inbox_duplicates_total{handler}` and `jobs_parked_total{queue}`.
#[derive(Debug, Clone)]
pub struct InboxMetrics {
    duplicates: Family<HandlerLabels, Counter>,
    parked: Family<QueueLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabels {
    handler: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: &'static str,
}

impl InboxMetrics {
    /// Adds the families to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let duplicates = Family::default();
        metrics.registry_mut().register(
            "inbox_duplicates",
            "Events that came again to a handler and took no effect",
            duplicates.clone(),
        );
        let parked = Family::default();
        metrics.registry_mut().register(
            "jobs_parked",
            "Times that a job was put off because a newer release wrote its event",
            parked.clone(),
        );
        Self { duplicates, parked }
    }

    /// An event came again to this handler.
    pub fn duplicate(&self, handler: &'static str) {
        let labels = HandlerLabels { handler };
        self.duplicates.get_or_create_owned(&labels).inc();
    }

    /// A job of this queue waits for a newer release.
    pub fn parked(&self, queue: &'static str) {
        let labels = QueueLabels { queue };
        self.parked.get_or_create_owned(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn duplicates_are_counted_by_handler_and_parked_jobs_by_queue() {
        let mut metrics = Metrics::new();
        let inbox = InboxMetrics::register(&mut metrics);
        inbox.duplicate("feeds");
        inbox.duplicate("feeds");
        inbox.duplicate("analytics");
        inbox.parked("feeds");
        let text = metrics.scrape().await.unwrap();
        for line in [
            "bellwether_inbox_duplicates_total{handler=\"feeds\"} 2\n",
            "bellwether_inbox_duplicates_total{handler=\"analytics\"} 1\n",
            "bellwether_jobs_parked_total{queue=\"feeds\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
