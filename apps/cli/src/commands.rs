//! The subcommands.

mod demo;
mod migrate;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Migrate),
    Demo(demo::Demo),
}

impl Command {
    /// Carries it out; the code tells what was found.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Migrate(command) => command.run().await,
            Self::Demo(command) => command.run().await,
        }
    }
}
