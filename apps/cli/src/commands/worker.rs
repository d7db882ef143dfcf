//! `bellwether worker`.

mod child;
mod exec;
mod run;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::arguments::queue_name;
use crate::output::Table;
use crate::server::Server;

/// Works a queue, and shows who does
#[derive(Debug, Args)]
pub(crate) struct WorkerCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Run(Box<run::Run>),
}

/// Lists the workers of a queue that are connected now, of every client
#[derive(Debug, Args)]
struct List {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: Option<String>,
    address: String,
    /// In seconds, as the server tells it.
    age: u64,
    idle: u64,
    connection_id: i64,
}

impl WorkerCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(action) => action.run(&self.server).await?,
            Action::Run(action) => action.run(&self.server).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        let workers = queue.workers().await?.into_iter().map(|worker| Shown {
            name: worker.name,
            address: worker.address,
            age: worker.age.as_secs(),
            idle: worker.idle.as_secs(),
            connection_id: worker.id,
        });
        let workers: Vec<_> = workers.collect();
        server.show(&workers, |workers| {
            let mut table = Table::new(["NAME", "ADDRESS", "CONNECTED", "IDLE"]);
            for worker in workers {
                table.row([
                    worker.name.clone().unwrap_or_else(|| "-".to_owned()),
                    worker.address.clone(),
                    format!("{} s", worker.age),
                    format!("{} s", worker.idle),
                ]);
            }
            table.or(&format!("No workers of {} are connected", self.queue))
        })
    }
}
