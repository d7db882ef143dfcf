//! How long requests take.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::{Metrics, seconds_buckets};

/// `http_request_duration_seconds{route,method,status}`.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    duration: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    method: String,
    status: u16,
}

impl HttpMetrics {
    /// Adds the family to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let duration: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(seconds_buckets()));
        metrics.registry_mut().register_with_unit(
            "http_request_duration",
            "How long requests took to answer",
            Unit::Seconds,
            duration.clone(),
        );
        Self { duration }
    }

    /// Records an answered request. `route` is the pattern that matched, never the path, and
    /// `method` one of a known few, because callers choose both.
    pub fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let labels = Labels {
            route: route.to_owned(),
            method: method.to_owned(),
            status,
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
    async fn a_request_is_counted_by_route_method_and_status() {
        let mut metrics = Metrics::new();
        let http = HttpMetrics::register(&mut metrics);
        http.answered("/v1/cards/{id}", "GET", 404, Duration::from_millis(3));
        let text = metrics.scrape().await.unwrap();
        let line = "bellwether_http_request_duration_seconds_bucket\
            {le=\"0.005\",route=\"/v1/cards/{id}\",method=\"GET\",status=\"404\"} 1\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("# UNIT bellwether_http_request_duration_seconds seconds"),
            "{text}"
        );
    }
}
