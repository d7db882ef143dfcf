//! What can be measured, a file a case.

mod add;
mod addbulk;
mod delayed;
mod delaylat;
mod idle;
mod latency;
mod load;
mod memory;
mod pipe;
mod prio;
mod process;
mod ramp;
mod retry;

use anyhow::Result;
use clap::Subcommand;

use crate::environment::Environment;
use crate::report::Report;
use crate::setup::Setup;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Case {
    /// Add `BENCH_JOBS` jobs one by one, `BENCH_CONCURRENCY` at a time
    Add,
    /// Add them in bulks of `BENCH_CHUNK`, `BENCH_CONCURRENCY` bulks at a time
    Addbulk,
    /// Work `BENCH_JOBS` waiting jobs
    Process,
    /// Work `BENCH_JOBS` of `BENCH_DEPTH` prioritized jobs
    Prio,
    /// Add `BENCH_RATE` jobs a second, and tell how long each takes to be completed
    Latency,
    /// Add and work `BENCH_JOBS` jobs at once
    Pipe,
    /// Work `BENCH_JOBS` jobs that become due at one moment
    Delayed,
    /// Work delayed jobs, and tell how late each is
    Delaylat,
    /// Work jobs that fail twice and then complete
    Retry,
    /// Tell how many bytes a waiting and a completed job take
    Memory,
    /// Add `BENCH_JOBS` jobs for another run, which is told so by `BENCH_PRELOADED`
    Load,
    /// Add `BENCH_DEPTH` prioritized jobs for another run
    Prioload,
    /// Watch a worker that has nothing to do for a minute
    Idle,
    /// Tell how long it takes until all slots of a worker are busy
    Ramp,
}

impl Case {
    pub(crate) async fn run(self, environment: Environment) -> Result<Report> {
        let setup = Setup::open(environment).await?;
        match self {
            Self::Add => add::run(setup).await,
            Self::Addbulk => addbulk::run(setup).await,
            Self::Process => process::run(setup).await,
            Self::Prio => prio::run(setup).await,
            Self::Latency => latency::run(setup).await,
            Self::Pipe => pipe::run(setup).await,
            Self::Delayed => delayed::run(setup).await,
            Self::Delaylat => delaylat::run(setup).await,
            Self::Retry => retry::run(setup).await,
            Self::Memory => memory::run(setup).await,
            Self::Load => load::run(setup).await,
            Self::Prioload => prio::load(setup).await,
            Self::Idle => idle::run(setup).await,
            Self::Ramp => ramp::run(setup).await,
        }
    }
}
