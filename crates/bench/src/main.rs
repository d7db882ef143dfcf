//! Measures the queue engine, beside the other clients of the same queues.
//!
//! `bellwether-bench CASE` runs one case against the server that `BENCH_URL` names, as the
//! environment says, and prints one line of JSON.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^53, and figures are told to three places"
)]

mod bare;
mod cases;
mod compare;
mod completions;
mod environment;
mod plain;
mod proxy;
mod report;
mod runs;
mod runtime;
mod schedule;
mod server;
mod setup;
mod times;
mod window;

use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use bare::BareCase;
use cases::Case;
use compare::Compare;
use environment::Environment;
use report::Report;
use runtime::runtime;

/// Measures Bellwether's queue engine.
#[derive(Parser)]
#[command(name = "bellwether-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Case(Case),
    /// Measure bare scripts, which do only what other clients of the queue can see
    #[command(subcommand)]
    Bare(BareCase),
    /// Compare the engine with other queues' clients, on a server that is started for it
    Compare(Compare),
    /// Put a distance between a program and its server
    Proxy {
        /// Where to listen, as HOST:PORT
        listen: String,
        /// Where the server is, as HOST:PORT
        target: String,
        /// How long a round trip takes, in milliseconds
        round_trip_ms: u64,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Case(case) => measure(|environment| case.run(environment)),
        Command::Bare(case) => measure(|environment| case.run(environment)),
        Command::Compare(compare) => compare.run(),
        Command::Proxy {
            listen,
            target,
            round_trip_ms,
        } => forward(&listen, &target, Duration::from_millis(round_trip_ms)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bellwether-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a case and prints its line; fails if a job did not run as often as it should have.
fn measure<F>(case: impl FnOnce(Environment) -> F) -> Result<ExitCode>
where
    F: Future<Output = Result<Report>>,
{
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let (concurrency, has_detail) = (environment.concurrency, environment.has_detail);
    let report = runtime(environment.threads)?.block_on(case(environment))?;
    writeln!(
        std::io::stdout(),
        "{}",
        report.line(concurrency, has_detail)
    )?;
    Ok(match report.fault {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

fn forward(listen: &str, target: &str, round_trip: Duration) -> Result<ExitCode> {
    let listener =
        TcpListener::bind(listen).with_context(|| format!("nobody can listen at {listen}"))?;
    proxy::serve(&listener, target, round_trip);
    Ok(ExitCode::SUCCESS)
}
