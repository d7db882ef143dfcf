//! Bare scripts, sent over plain connections: what is left of a queue when it does only what its other
//! clients can see. Nothing that keeps the queue's promises is checked, so it is no queue to use, but
//! what the engine costs beyond it is what those promises and its library cost.

mod lane;
mod latency;
mod throughput;

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use crate::environment::{Environment, LookAhead};
use crate::report::Report;
use crate::runs::Runs;
use crate::server::Server;
use crate::window::{Measured, Window};
use lane::Lane;

/// Jobs beyond this many in one call make nothing faster.
const BATCH: usize = 50;

/// What bare scripts can be measured at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum BareCase {
    /// Add `BENCH_JOBS` jobs, `BENCH_CONCURRENCY` at a time
    Add,
    /// Add them in bulks of `BENCH_CHUNK`, `BENCH_CONCURRENCY` bulks at a time
    Addbulk,
    /// Work `BENCH_JOBS` waiting jobs that do nothing
    Process,
    /// Add `BENCH_RATE` jobs a second, and tell how long each takes to be completed
    Latency,
}

impl BareCase {
    pub(crate) async fn run(self, environment: Environment) -> Result<Report> {
        let mut server = Server::connect(&environment.control_url).await?;
        if environment.flushes {
            server.flush().await?;
        }
        let bare = Bare {
            environment,
            server,
        };
        match self {
            Self::Add => throughput::add(bare).await,
            Self::Addbulk => throughput::addbulk(bare).await,
            Self::Process => throughput::process(bare).await,
            Self::Latency => latency::run(bare).await,
        }
    }
}

struct Bare {
    environment: Environment,
    server: Server,
}

impl Bare {
    async fn lane(&self) -> Result<Lane> {
        Lane::open(&self.environment, &self.environment.url).await
    }

    /// So many connections, and how many jobs each may hold for all to hold `jobs`: two calls under
    /// way, each with as many jobs as are of use.
    async fn lanes(&self, jobs: usize) -> Result<(Vec<Lane>, usize)> {
        let count = jobs.min(2);
        let mut lanes = Vec::with_capacity(count);
        for _ in 0..count {
            lanes.push(self.lane().await?);
        }
        Ok((lanes, jobs / count))
    }

    /// How many jobs a worker may hold.
    fn held(&self) -> usize {
        let ahead = match self.environment.look_ahead {
            LookAhead::Jobs(count) => count,
            LookAhead::Automatic => 0,
        };
        self.environment.concurrency + ahead
    }

    /// Adds jobs before the window, unless they are there already.
    async fn preload(&self) -> Result<()> {
        if self.environment.is_preloaded {
            return Ok(());
        }
        let mut lane = Lane::open(&self.environment, &self.environment.control_url).await?;
        let jobs = self.environment.jobs;
        for first in (0..jobs).step_by(BATCH) {
            lane.add(first..jobs.min(first + BATCH)).await?;
        }
        Ok(())
    }

    async fn window(&mut self) -> Result<Window> {
        Window::open(&mut self.server).await
    }

    async fn close(&mut self, window: Window) -> Result<Measured> {
        window.close(&mut self.server).await
    }

    fn report(
        &self,
        case: &'static str,
        measured: Measured,
        extras: Value,
        runs: Option<&Runs>,
    ) -> Report {
        let jobs = self.environment.jobs;
        Report {
            program: "bare",
            case,
            jobs,
            measured,
            extras,
            fault: runs.and_then(|runs| runs.fault(jobs, 1)),
        }
    }
}
