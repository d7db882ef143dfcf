//! What becomes of jobs, and how long they take.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::{Metrics, seconds_buckets};

/// `queue_jobs_total{queue,outcome}` and `queue_job_duration_seconds{queue}`.
#[derive(Debug, Clone)]
pub struct JobMetrics {
    jobs: Family<OutcomeLabels, Counter>,
    duration: Family<QueueLabels, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    queue: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: String,
}

impl JobMetrics {
    /// Adds the families to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let jobs = Family::default();
        let duration: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(seconds_buckets()));
        let registry = metrics.registry_mut();
        registry.register(
            "queue_jobs",
            "Jobs that were worked, by outcome",
            jobs.clone(),
        );
        registry.register_with_unit(
            "queue_job_duration",
            "How long jobs took",
            Unit::Seconds,
            duration.clone(),
        );
        Self { jobs, duration }
    }

    /// Records a job that was worked, with its outcome in the word for it: `completed`, `retry`,
    /// `delayed`, `failed`.
    pub fn worked(&self, queue: &str, outcome: &'static str, took: Duration) {
        let labels = OutcomeLabels {
            queue: queue.to_owned(),
            outcome,
        };
        self.jobs.get_or_create_owned(&labels).inc();
        let labels = QueueLabels {
            queue: queue.to_owned(),
        };
        self.duration
            .get_or_create_owned(&labels)
            .observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_are_counted_by_outcome_and_timed_by_queue() {
        let mut metrics = Metrics::new();
        let jobs = JobMetrics::register(&mut metrics);
        jobs.worked("feeds", "completed", Duration::from_millis(20));
        jobs.worked("feeds", "completed", Duration::from_millis(30));
        jobs.worked("feeds", "failed", Duration::from_millis(1));
        let text = metrics.scrape().await.unwrap();
        for line in [
            "bellwether_queue_jobs_total{queue=\"feeds\",outcome=\"completed\"} 2\n",
            "bellwether_queue_jobs_total{queue=\"feeds\",outcome=\"failed\"} 1\n",
            "bellwether_queue_job_duration_seconds_count{queue=\"feeds\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
