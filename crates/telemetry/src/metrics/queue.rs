//! How many jobs are in which state.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, gauge_value};

/// `queue_depth{queue,state}`.
#[derive(Debug, Clone)]
pub struct QueueDepth {
    depth: Family<Labels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    queue: String,
    state: String,
}

impl QueueDepth {
    /// Adds the family to the process's metrics.
    pub fn register(metrics: &mut Metrics) -> Self {
        let depth = Family::default();
        metrics
            .registry_mut()
            .register("queue_depth", "Jobs in a queue, by state", depth.clone());
        Self { depth }
    }

    /// Says how many jobs of a queue are in a state, in the word of the engine for it.
    pub fn set(&self, queue: &str, state: &str, jobs: u64) {
        let labels = Labels {
            queue: queue.to_owned(),
            state: state.to_owned(),
        };
        self.depth
            .get_or_create_owned(&labels)
            .set(gauge_value(jobs));
    }
}
