//! `bellwether job show` and `bellwether job logs`.

use anyhow::Context;
use clap::Args;
use infra_redis::engine::{DependencyCounts, Job, Order};
use serde::Serialize;
use serde_json::json;

use super::Which;
use crate::arguments::queue_name;
use crate::job_view::JobView;
use crate::output::harmless;
use crate::server::{AnyQueue, Server};

/// Prints the lines of a job's log, oldest first
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,

    /// Only the last N lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    job: JobView,
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<Children>,
}

/// How many children stand how.
#[derive(Debug, Serialize)]
struct Children {
    processed: u64,
    unprocessed: u64,
    ignored: u64,
    failed: u64,
}

/// The job with this id, which must exist.
pub(super) async fn existing(queue: &AnyQueue, id: &str) -> anyhow::Result<Job> {
    let job = queue.job(id).await?;
    job.with_context(|| format!("there is no job {id} in {}", queue.id().name()))
}

/// Shows all that is known about a job.
pub(super) async fn job(server: &Server, which: &Which) -> anyhow::Result<()> {
    let queue = server.queue(&which.queue).await?;
    let job = existing(&queue, &which.id).await?;
    let state = queue.state(&which.id).await?;
    let children = queue.dependency_counts(&which.id).await?;
    let shown = Shown {
        job: JobView::new(&which.queue, job, state),
        children: (children != DependencyCounts::default()).then_some(Children {
            processed: children.processed,
            unprocessed: children.unprocessed,
            ignored: children.ignored,
            failed: children.failed,
        }),
    };
    server.show(&shown, |shown| {
        let mut facts = shown.job.facts();
        if let Some(children) = &shown.children {
            let Children {
                processed,
                unprocessed,
                ignored,
                failed,
            } = children;
            let counts = format!(
                "{processed} completed, {unprocessed} not finished, {ignored} ignored, \
                 {failed} failed"
            );
            facts.add("children", &counts);
        }
        facts.to_string()
    })
}

impl Logs {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        existing(&queue, &self.id).await?;
        let last = self.limit.map_or(u64::MAX, u64::from);
        let logs = queue.logs(&self.id, 0..last, Order::NewestFirst).await?;
        let lines: Vec<_> = logs.lines.into_iter().rev().collect();
        let answer = json!({
            "queue": self.queue, "id": self.id, "total": logs.total, "lines": lines,
        });
        server.show(&answer, |_| {
            if lines.is_empty() {
                return format!("Job {} has no log", self.id);
            }
            let lines = lines.iter().map(|line| harmless(line));
            lines.collect::<Vec<_>>().join("\n")
        })
    }
}
