//! Measures the queue engine, beside the other clients of the same queues.
//!
//! `bellwether-bench CASE` runs one case against the server that `BENCH_URL` names, as the
//! environment says, and prints one line of JSON.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^53, and figures are told to three places"
)]

mod cases;
mod environment;
mod report;
mod server;
mod setup;
mod tally;
mod window;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cases::Case;
use environment::Environment;

/// Measures Bellwether's queue engine.
#[derive(Parser)]
#[command(name = "bellwether-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Case,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bellwether-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a case and prints its line; fails if a job did not run as often as it should have.
fn measure(case: Case) -> Result<ExitCode> {
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let (concurrency, has_detail) = (environment.concurrency, environment.has_detail);
    let report = runtime(environment.threads)?.block_on(case.run(environment))?;
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

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}
