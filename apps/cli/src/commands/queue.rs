//! `bellwether queue`.

mod bulk;
mod limit;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use infra_redis::engine::{JobCounts, Queue, find_queues};
use serde::Serialize;
use serde_json::json;

use crate::arguments::queue_name;
use crate::output::{Facts, Table};
use crate::server::{AnyQueue, Server};

/// Looks after whole queues
#[derive(Debug, Args)]
pub(crate) struct QueueCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the queues with this prefix, and how many jobs are in which state
    ///
    /// Looks at all keys of the database, a thousand in one step.
    List,
    /// Shows how many jobs are in which state
    Counts(Named),
    /// Lets no job start until the queue is resumed
    Pause(Named),
    /// Lets jobs start again
    Resume(Named),
    Drain(bulk::Drain),
    Clean(bulk::Clean),
    Retry(bulk::Retry),
    /// Lets all delayed jobs run now
    Promote(Named),
    Obliterate(bulk::Obliterate),
    Limit(limit::LimitCommand),
}

/// Which queue.
#[derive(Debug, Args)]
struct Named {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,
}

/// How a queue stands.
#[derive(Debug, Serialize)]
struct Overview {
    queue: String,
    paused: bool,
    counts: Counts,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Counts {
    waiting: u64,
    prioritized: u64,
    delayed: u64,
    active: u64,
    waiting_children: u64,
    completed: u64,
    failed: u64,
}

impl QueueCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let server = &self.server;
        match self.action {
            Action::List => list(server).await?,
            Action::Counts(named) => counts(server, &named.queue).await?,
            Action::Pause(named) => pause(server, &named.queue, true).await?,
            Action::Resume(named) => pause(server, &named.queue, false).await?,
            Action::Promote(named) => bulk::promote(server, &named.queue).await?,
            Action::Drain(action) => action.run(server).await?,
            Action::Clean(action) => action.run(server).await?,
            Action::Retry(action) => action.run(server).await?,
            Action::Obliterate(action) => action.run(server).await?,
            Action::Limit(action) => action.run(server).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let connection = server.connect().await?;
    let mut overviews = Vec::new();
    for id in find_queues(&connection, server.prefix()).await? {
        overviews.push(Overview::of(&Queue::new(connection.clone(), id)).await?);
    }
    server.show(&overviews, |overviews| {
        let mut table = Table::new([
            "QUEUE",
            "PAUSED",
            "WAITING",
            "PRIORITIZED",
            "DELAYED",
            "ACTIVE",
            "WAITING-CHILDREN",
            "COMPLETED",
            "FAILED",
        ]);
        for overview in overviews {
            let paused = if overview.paused { "yes" } else { "no" };
            let counts = overview.counts.states().map(|(_, count)| count.to_string());
            let names = [overview.queue.clone(), paused.to_owned()];
            table.row(names.into_iter().chain(counts));
        }
        table.or(&format!("No queues with the prefix {}", server.prefix()))
    })
}

async fn counts(server: &Server, name: &str) -> anyhow::Result<()> {
    let overview = Overview::of(&server.queue(name).await?).await?;
    server.show(&overview, |overview| {
        let paused = if overview.paused { ", paused" } else { "" };
        let mut facts = Facts::new(format!("Queue {}{paused}", overview.queue));
        for (state, count) in overview.counts.states() {
            facts.add(state, &count);
        }
        facts.to_string()
    })
}

async fn pause(server: &Server, name: &str, paused: bool) -> anyhow::Result<()> {
    let queue = server.queue(name).await?;
    if paused {
        queue.pause().await?;
    } else {
        queue.resume().await?;
    }
    server.show(&json!({"queue": name, "paused": paused}), |_| {
        let done = if paused { "Paused" } else { "Resumed" };
        format!("{done} {name}")
    })
}

impl Overview {
    async fn of(queue: &AnyQueue) -> anyhow::Result<Self> {
        Ok(Self {
            queue: queue.id().name().to_owned(),
            paused: queue.is_paused().await?,
            counts: queue.counts().await?.into(),
        })
    }
}

impl Counts {
    fn states(&self) -> [(&'static str, u64); 7] {
        [
            ("waiting", self.waiting),
            ("prioritized", self.prioritized),
            ("delayed", self.delayed),
            ("active", self.active),
            ("waiting-children", self.waiting_children),
            ("completed", self.completed),
            ("failed", self.failed),
        ]
    }
}

impl From<JobCounts> for Counts {
    fn from(counts: JobCounts) -> Self {
        Self {
            waiting: counts.waiting,
            prioritized: counts.prioritized,
            delayed: counts.delayed,
            active: counts.active,
            waiting_children: counts.waiting_children,
            completed: counts.completed,
            failed: counts.failed,
        }
    }
}
