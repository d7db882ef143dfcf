//! `bellwether job`.

mod add;
mod cancel;
mod change;
mod list;
pub(super) mod options;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::arguments::queue_name;
use crate::server::Server;

/// Adds single jobs, and looks after them
#[derive(Debug, Args)]
pub(crate) struct JobCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    List(list::List),
    /// Shows all that is known about a job
    Show(Which),
    Logs(show::Logs),
    Retry(change::Retry),
    /// Lets a delayed job run now
    Promote(Which),
    Cancel(cancel::Cancel),
    Remove(change::Remove),
    Move(change::Move),
}

/// Which job.
#[derive(Debug, Args)]
struct Which {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The job's id
    id: String,
}

impl JobCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let server = &self.server;
        match self.action {
            Action::Add(action) => action.run(server).await?,
            Action::List(action) => action.run(server).await?,
            Action::Show(which) => show::job(server, &which).await?,
            Action::Logs(action) => action.run(server).await?,
            Action::Retry(action) => action.run(server).await?,
            Action::Promote(which) => change::promote(server, &which).await?,
            Action::Cancel(action) => return action.run(server).await,
            Action::Remove(action) => action.run(server).await?,
            Action::Move(action) => action.run(server).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
