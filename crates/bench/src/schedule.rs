//! Jobs that come on schedule, whether or not earlier ones are done, and how long each takes from
//! then to its start and to its completion.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::times::{millis, percentile, warm};

/// When jobs came, by their numbers.
pub(crate) struct Schedule {
    rate: usize,
    came: Vec<Instant>,
    lags: Vec<f64>,
}

impl Schedule {
    /// Lets jobs come, so many a second.
    pub(crate) async fn keep(rate: usize, jobs: usize, mut come: impl FnMut(usize)) -> Self {
        let mut schedule = Self {
            rate,
            came: Vec::with_capacity(jobs),
            lags: Vec::with_capacity(jobs),
        };
        let base = Instant::now();
        for job in 0..jobs {
            let due = base + Duration::from_nanos(job as u64 * 1_000_000_000 / rate as u64);
            if due > Instant::now() {
                // No spinning: that would keep a core awake and flatter the worker.
                tokio::time::sleep_until(due.into()).await;
            }
            let now = Instant::now();
            schedule.came.push(now);
            let lag = now.saturating_duration_since(due);
            schedule.lags.push(millis(lag));
            come(job);
        }
        schedule
    }

    /// How long jobs took until they started and until they were completed.
    pub(crate) fn times(
        self,
        started: &[(usize, Instant)],
        completed: &[(usize, Instant)],
    ) -> Value {
        let since = |(job, then): &(usize, Instant)| {
            let took = then.saturating_duration_since(self.came[*job]);
            millis(took)
        };
        let times = |moments: &[(usize, Instant)]| warm(moments.iter().map(since).collect());
        let (lags, started, completed) = (warm(self.lags), times(started), times(completed));
        json!({
            "offered": self.rate,
            "schedule_lag_p99_ms": percentile(&lags, 0.99),
            "pickup_p50_ms": percentile(&started, 0.5),
            "pickup_p99_ms": percentile(&started, 0.99),
            "done_p50_ms": percentile(&completed, 0.5),
            "done_p99_ms": percentile(&completed, 0.99),
        })
    }
}
