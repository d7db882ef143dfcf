//! How many dead letters wait for somebody to decide.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, gauge_value};

/// `dead_letters{handler,class}`.
#[derive(Debug, Clone)]
pub struct DeadLetterMetrics {
    dead: Family<Labels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    handler: String,
    class: &'static str,
}

impl DeadLetterMetrics {
    /// Adds the family to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let dead = Family::default();
        metrics.registry_mut().register(
            "dead_letters",
            "Jobs that failed for good and wait for somebody to decide",
            dead.clone(),
        );
        Self { dead }
    }

    /// Says how many letters there are of each handler and class. What is not named is shown no
    /// more.
    pub fn set(&self, counts: impl IntoIterator<Item = (String, &'static str, u64)>) {
        self.dead.clear();
        for (handler, class, letters) in counts {
            let labels = Labels { handler, class };
            let gauge = self.dead.get_or_create_owned(&labels);
            gauge.set(gauge_value(letters));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_decided_is_shown_no_more() {
        let mut metrics = Metrics::new();
        let letters = DeadLetterMetrics::register(&mut metrics);
        letters.set([
            ("feeds".to_owned(), "stalled", 2),
            ("feeds".to_owned(), "permanent", 1),
        ]);
        letters.set([("feeds".to_owned(), "stalled", 1)]);
        let text = metrics.scrape().await.unwrap();
        let line = "bellwether_dead_letters{handler=\"feeds\",class=\"stalled\"} 1\n";
        assert!(text.contains(line), "{line} is not in {text}");
        assert!(!text.contains("permanent"), "{text}");
    }
}
