//! Moving and removing single jobs.

use std::time::Duration;

use clap::{Args, ValueEnum};
use infra_redis::engine::{FinishedState, JobState, RetryReset};
use process::settings::duration;
use serde_json::json;

use super::Which;
use super::show::existing;
use crate::arguments::{queue_name, refuse};
use crate::prompt::Confirmation;
use crate::server::{AnyQueue, Server};

/// Lets a completed or failed job run once more, at its priority
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,

    /// Give it all its attempts again
    #[arg(long)]
    reset_attempts: bool,
}

/// Removes a job, whatever state it is in, unless a worker holds it
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,

    /// Remove its children too, and theirs
    #[arg(long)]
    children: bool,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Gives a job another state, delay or priority
///
/// `--to waiting` lets a delayed job run now and a completed or failed one run once more. `--delay`
/// makes a delayed job due that long from now. `--priority` may be combined with both, and changes
/// the place of a job that is ready. Other changes of state happen by work alone: they are refused.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Move {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,

    /// The state to bring it to
    #[arg(long, value_enum, group = "change")]
    to: Option<Target>,

    /// How long from now a delayed job is due
    #[arg(long, value_name = "DURATION", value_parser = duration, group = "change")]
    delay: Option<Duration>,

    /// Its new priority; 0 is none
    #[arg(long, value_name = "N", group = "change", value_parser = clap::value_parser!(u32).range(0..=2_097_151))]
    priority: Option<u32>,

    /// Before the others of that priority
    #[arg(long, requires = "priority")]
    first: bool,
}

/// A state that a job can be brought to by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Ready to run
    Waiting,
    /// Due at another time; needs `--delay`
    Delayed,
}

impl Retry {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        existing(&queue, &self.id).await?;
        let state = match queue.state(&self.id).await? {
            Some(JobState::Completed) => FinishedState::Completed,
            Some(JobState::Failed) => FinishedState::Failed,
            state => anyhow::bail!(
                "job {} is {}; only completed and failed jobs can be retried",
                self.id,
                words(state)
            ),
        };
        let reset = RetryReset {
            attempts_made: self.reset_attempts,
            attempts_started: self.reset_attempts,
        };
        queue.retry(&self.id, state, reset).await?;
        show(server, &queue, &self.id).await
    }
}

/// Lets a delayed job run now.
pub(super) async fn promote(server: &Server, which: &Which) -> anyhow::Result<()> {
    let queue = server.queue(&which.queue).await?;
    existing(&queue, &which.id).await?;
    queue.promote(&which.id).await?;
    show(server, &queue, &which.id).await
}

impl Remove {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let (name, id) = (&self.queue, &self.id);
        let queue = server.queue(name).await?;
        existing(&queue, id).await?;
        let with = if self.children {
            " and its children"
        } else {
            ""
        };
        self.confirmation
            .ask(&format!("Remove job {id} of {name}{with}?"))?;
        queue.remove(id, self.children).await?;
        server.show(&json!({"queue": name, "id": id, "removed": true}), |_| {
            format!("Removed job {id} of {name}{with}")
        })
    }
}

impl Move {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        match (self.to, self.delay) {
            (Some(Target::Waiting), Some(_)) => {
                refuse("a waiting job has no delay: leave --delay out, or use --to delayed")
            }
            (Some(Target::Delayed), None) => refuse("say with --delay when the job is due"),
            _ => {}
        }
        let queue = server.queue(&self.queue).await?;
        existing(&queue, &self.id).await?;
        // First of all, so that a job that is made ready takes its place by it.
        if let Some(priority) = self.priority {
            queue
                .change_priority(&self.id, priority, self.first)
                .await?;
        }
        match (self.to, self.delay) {
            (_, Some(delay)) => self.put_off(&queue, delay).await?,
            (Some(_), None) => self.make_ready(&queue).await?,
            (None, None) => {}
        }
        show(server, &queue, &self.id).await
    }

    async fn make_ready(&self, queue: &AnyQueue) -> anyhow::Result<()> {
        let (id, reset) = (&self.id, RetryReset::default());
        match queue.state(id).await? {
            Some(JobState::Waiting | JobState::Prioritized) => {}
            Some(JobState::Delayed) => queue.promote(id).await?,
            Some(JobState::Completed) => queue.retry(id, FinishedState::Completed, reset).await?,
            Some(JobState::Failed) => queue.retry(id, FinishedState::Failed, reset).await?,
            state => anyhow::bail!(
                "job {id} is {}; only delayed, completed and failed jobs can be made ready",
                words(state)
            ),
        }
        Ok(())
    }

    async fn put_off(&self, queue: &AnyQueue, delay: Duration) -> anyhow::Result<()> {
        match queue.state(&self.id).await? {
            Some(JobState::Delayed) => Ok(queue.change_delay(&self.id, delay).await?),
            state => anyhow::bail!(
                "job {} is {}; only the time of a delayed job can be changed",
                self.id,
                words(state)
            ),
        }
    }
}

fn words(state: Option<JobState>) -> &'static str {
    state.map_or("in no state", JobState::as_str)
}

/// Tells where the job is now.
async fn show(server: &Server, queue: &AnyQueue, id: &str) -> anyhow::Result<()> {
    let name = queue.id().name();
    let state = queue.state(id).await?;
    let answer = json!({"queue": name, "id": id, "state": state.map(JobState::as_str)});
    server.show(&answer, |_| {
        format!("Job {id} of {name} is {} now", words(state))
    })
}
