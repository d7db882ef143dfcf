//! Showing on a terminal that long work goes on.

use std::io::{self, IsTerminal, Write};
use std::pin::Pin;
use std::time::Duration;

use infra_redis::engine::{EngineError, JobCounts};

use crate::server::AnyQueue;

/// How often the progress is shown anew. Work that is done before shows none.
const INTERVAL: Duration = Duration::from_millis(500);

/// Does some work on a queue and shows meanwhile, on a terminal, how many jobs are where.
pub(crate) async fn shown<T>(
    what: &str,
    queue: &AnyQueue,
    mut work: Pin<Box<impl Future<Output = Result<T, EngineError>>>>,
) -> anyhow::Result<T> {
    if !io::stderr().is_terminal() {
        return Ok(work.await?);
    }
    let mut is_shown = false;
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            () = tokio::time::sleep(INTERVAL) => {
                // If the queue can't be looked at, the work itself says so.
                if let Ok(counts) = Box::pin(queue.counts()).await {
                    is_shown = true;
                    eprint!("\r\u{1b}[K{what} `{}`: {}", queue.id().name(), summary(&counts));
                    let _ = io::stderr().flush();
                }
            }
        }
    };
    if is_shown {
        eprint!("\r\u{1b}[K");
    }
    Ok(done?)
}

fn summary(counts: &JobCounts) -> String {
    let states = [
        ("waiting", counts.waiting),
        ("prioritized", counts.prioritized),
        ("delayed", counts.delayed),
        ("active", counts.active),
        ("completed", counts.completed),
        ("failed", counts.failed),
    ];
    let parts = states
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"));
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        "no jobs left".to_owned()
    } else {
        parts.join(", ")
    }
}
