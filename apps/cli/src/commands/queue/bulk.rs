//! What is done to many jobs of a queue at once.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use infra_redis::engine::{FinishedState, JobState};
use process::settings::duration;
use serde_json::json;

use crate::arguments::{job_state, moment, queue_name};
use crate::output::{self, count};
use crate::progress;
use crate::prompt::Confirmation;
use crate::server::Server;

/// Removes all jobs that are ready
///
/// A thousand are removed in one step. Jobs that schedulers have ahead stay.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Remove delayed jobs too
    #[arg(long)]
    delayed: bool,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Removes old jobs of one state
///
/// Finished jobs are as old as their end, others as their last start or else their addition. Active
/// jobs are removed only if no worker holds them. Jobs that schedulers have ahead stay.
#[derive(Debug, Args)]
pub(super) struct Clean {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Which jobs: completed, failed, waiting, prioritized, delayed or active
    #[arg(long, default_value = "completed", value_parser = job_state)]
    state: JobState,

    /// Keep those younger than this
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    grace: Duration,

    /// Remove at most so many, the oldest first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Lets all failed or completed jobs run once more
///
/// They keep their attempts made, and their priorities are ignored, as with BullMQ.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Which jobs
    #[arg(long, value_enum, default_value_t = Finished::Failed)]
    state: Finished,

    /// Only those that finished until this time, in RFC 3339 or Unix milliseconds; now if absent
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<u64>,
}

/// Removes a paused queue with all its jobs
#[derive(Debug, Args)]
pub(super) struct Obliterate {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Remove active jobs too
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// How jobs finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Finished {
    /// Done
    Completed,
    /// Failed for good
    Failed,
}

impl Drain {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let (name, delayed) = (&self.queue, self.delayed);
        let which = if delayed {
            "ready and delayed"
        } else {
            "ready"
        };
        let question = format!("Remove all {which} jobs of {name}?");
        self.confirmation.ask(&question)?;
        let queue = server.queue(name).await?;
        let removed = progress::shown("Draining", &queue, Box::pin(queue.drain(delayed))).await?;
        server.show(&json!({"queue": name, "removed": removed}), |_| {
            format!("Removed {} of {name}", count(removed, "job"))
        })
    }
}

impl Clean {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let (name, state) = (&self.queue, self.state);
        let question = format!(
            "Remove {state} jobs of {name} older than {}?",
            output::duration(self.grace)
        );
        self.confirmation.ask(&question)?;
        let queue = server.queue(name).await?;
        let cleaning = Box::pin(queue.clean(self.grace, self.limit, state));
        let ids = progress::shown("Cleaning", &queue, cleaning).await?;
        let removed = ids.len() as u64;
        let answer =
            json!({"queue": name, "state": state.as_str(), "removed": removed, "ids": ids});
        server.show(&answer, |_| {
            format!(
                "Removed {} of {name}",
                count(removed, &format!("{state} job"))
            )
        })
    }
}

impl Retry {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let name = &self.queue;
        let state = match self.state {
            Finished::Completed => FinishedState::Completed,
            Finished::Failed => FinishedState::Failed,
        };
        let queue = server.queue(name).await?;
        let retrying = Box::pin(queue.retry_all(state, self.until));
        let retried = progress::shown("Retrying", &queue, retrying).await?;
        let answer = json!({"queue": name, "state": state.as_str(), "retried": retried});
        server.show(&answer, |_| {
            let jobs = count(retried, &format!("{state} job"));
            format!("Let {jobs} of {name} run once more")
        })
    }
}

impl Obliterate {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let name = &self.queue;
        self.confirmation
            .ask(&format!("Remove the queue {name} with all its jobs?"))?;
        let queue = server.queue(name).await?;
        let removing = progress::shown("Removing", &queue, Box::pin(queue.obliterate(self.force)));
        removing
            .await
            .with_context(|| format!("{name} can't be removed"))?;
        server.show(&json!({"queue": name, "obliterated": true}), |_| {
            format!("Removed the queue {name}")
        })
    }
}

/// Lets all delayed jobs run now.
pub(super) async fn promote(server: &Server, name: &str) -> anyhow::Result<()> {
    let queue = server.queue(name).await?;
    let promoted = progress::shown("Promoting", &queue, Box::pin(queue.promote_all())).await?;
    server.show(&json!({"queue": name, "promoted": promoted}), |_| {
        format!("Let {} of {name} run now", count(promoted, "delayed job"))
    })
}
