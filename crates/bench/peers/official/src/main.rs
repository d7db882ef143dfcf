//! BullMQ's own client for Rust, measured as `bellwether-bench` measures the engine: the same cases,
//! the same environment, and a window and a line that are the same code.

#[path = "../../../src/environment.rs"]
mod environment;
#[path = "../../../src/plain.rs"]
mod plain;
#[path = "../../../src/report.rs"]
mod report;
#[path = "../../../src/runtime.rs"]
mod runtime;
#[path = "../../../src/schedule.rs"]
mod schedule;
#[path = "../../../src/server.rs"]
mod server;
#[path = "../../../src/times.rs"]
mod times;
#[path = "../../../src/window.rs"]
mod window;

mod adding;
mod setup;
mod timed;
mod working;

use anyhow::{Result, bail};
use environment::Environment;
use setup::Setup;

async fn run(case: &str, environment: Environment) -> Result<String> {
    let (concurrency, has_detail) = (environment.concurrency, environment.has_detail);
    let setup = Setup::open(environment).await?;
    let report = match case {
        "add" => adding::add(setup).await,
        "addbulk" => adding::addbulk(setup).await,
        "process" => working::process(setup).await,
        "prio" => working::prio(setup).await,
        "pipe" => working::pipe(setup).await,
        "retry" => working::retry(setup).await,
        "ramp" => working::ramp(setup).await,
        "latency" => timed::latency(setup).await,
        "delayed" => timed::delayed(setup).await,
        "delaylat" => timed::delaylat(setup).await,
        other => bail!(
            "there is no case `{other}`; expected add, addbulk, process, prio, pipe, retry, ramp, \
             latency, delayed or delaylat"
        ),
    };
    Ok(report?.line(concurrency, has_detail))
}

fn main() -> Result<()> {
    let case = std::env::args().nth(1).unwrap_or_default();
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let runtime = runtime::runtime(environment.threads)?;
    let line = runtime.block_on(run(&case, environment))?;
    println!("{line}");
    // Its workers have tasks that would go on.
    std::process::exit(0)
}
