//! `bellwether`, the command line. Each subcommand is a file in `commands`.

mod arguments;
mod commands;
mod demo;
mod job_view;
mod output;
mod progress;
mod prompt;
mod server;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

/// Runs and looks after Bellwether, the events of a link-sharing service.
#[derive(Debug, Parser)]
#[command(name = "bellwether", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A command that can't be carried out is an error, with its sentence. One that was, and found
    // something wrong, has said so itself.
    let mut found = None;
    let carried_out = process::exit::run(async {
        found = Some(cli.command.run().await?);
        Ok(())
    });
    found.unwrap_or(carried_out)
}
