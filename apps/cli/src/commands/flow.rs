//! `bellwether flow`.

mod document;
mod tree;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use infra_redis::engine::{AddedFlow, Flows};
use serde::Serialize;

use crate::arguments::queue_name;
use crate::server::Server;
use document::Node;
use tree::{Shown, drawn};

/// Adds and shows trees of jobs, in which a parent runs once its children have ended
#[derive(Debug, Args)]
pub(crate) struct FlowCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
    Show(Show),
}

/// Adds a tree of jobs in one step
///
/// The tree is JSON: `{"queue": …, "name": …, "data": …, "opts": …, "children": [more of these]}`.
/// All but `queue` and `name` may be left out. Options have BullMQ's names, such as
/// `failParentOnFailure`.
#[derive(Debug, Args)]
struct Add {
    /// The file with the tree; `-` reads standard input
    file: PathBuf,
}

/// Shows a job with its children
#[derive(Debug, Args)]
struct Show {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,

    /// So many levels below the job
    #[arg(long, value_name = "N", default_value_t = 10)]
    depth: usize,

    /// So many children of each job
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_children: usize,
}

/// A job of a flow that was added.
#[derive(Debug, Serialize)]
struct Added {
    queue: String,
    id: String,
    /// Why it is not a child of the job above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    children: Vec<Added>,
}

impl FlowCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Add(action) => action.run(&self.server).await?,
            Action::Show(action) => action.run(&self.server).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let text = read(&self.file)?;
        let node: Node = serde_json::from_str(&text).context("the tree can't be read")?;
        let flow = node.into_flow(server)?;
        let flows = Flows::new(server.connect().await?);
        let added = Added::from(flows.add(&flow).await?);
        server.show(&added, |added| {
            drawn(added, &|added: &Added| (added.to_text(), &added.children))
        })
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        read.context("standard input can't be read")?;
        return Ok(text);
    }
    fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))
}

impl Show {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let connection = server.connect().await?;
        let queue = server.id(&self.queue)?;
        let flows = Flows::new(connection.clone());
        let flow = flows.get(&queue, &self.id, self.depth, self.max_children);
        let flow = flow
            .await?
            .with_context(|| format!("there is no job {} in {}", self.id, self.queue))?;
        let shown = Shown::of(&connection, flow).await?;
        server.show(&shown, |shown| {
            drawn(shown, &|shown: &Shown| (shown.to_text(), &shown.children))
        })
    }
}

impl Added {
    fn to_text(&self) -> String {
        let refused = self.refused.as_ref();
        let refused = refused.map_or_else(String::new, |reason| format!("  not a child: {reason}"));
        format!("{} {}{refused}", self.queue, self.id)
    }
}

impl From<AddedFlow> for Added {
    fn from(added: AddedFlow) -> Self {
        Self {
            queue: added.queue.name().to_owned(),
            id: added.id,
            refused: added.refused.map(|error| error.to_string()),
            children: added.children.into_iter().map(Self::from).collect(),
        }
    }
}
