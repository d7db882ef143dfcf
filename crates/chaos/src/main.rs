//! Breaks what Bellwether runs on, and proves that no event is lost and none takes effect twice.
//!
//! `bellwether-chaos run` starts the real programs under load, kills them and their servers, and
//! looks at what became of each event. `bellwether-chaos figures` measures how soon work goes on.

mod figures;
mod load;
mod plan;
mod promises;
mod queues;
mod random;
mod report;
mod run;
mod skew;
mod system;
mod table;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use figures::FiguresSettings;
use run::RunSettings;

/// Proves what Bellwether promises, by breaking it.
#[derive(Parser)]
#[command(name = "bellwether-chaos")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load, and everything breaks meanwhile; each event must take effect exactly once
    Run(RunSettings),
    /// Measure how soon work goes on, beside the targets
    Figures(FiguresSettings),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(settings) => run::run(settings).await,
        Command::Figures(settings) => figures::measure(settings).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bellwether-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a paragraph.
fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
