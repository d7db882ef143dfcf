//! The time in which is counted: it opens after everything is connected and loaded, and closes when
//! the last job is done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::server::{Holds, Server};

/// An open window.
pub(crate) struct Window {
    since: Instant,
    server_cpu: f64,
    own_cpu: Duration,
}

/// What a closed window tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    /// Seconds of processor time.
    pub(crate) server_cpu: f64,
    pub(crate) own_cpu: f64,
    /// Bytes of this program in memory, where the system tells.
    pub(crate) resident: Option<u64>,
    /// How long scripts held the server.
    pub(crate) holds: Option<Holds>,
    /// Calls of each command.
    pub(crate) calls: BTreeMap<String, u64>,
}

impl Window {
    pub(crate) async fn open(server: &mut Server) -> Result<Self> {
        server.reset().await?;
        let server_cpu = server.cpu().await?;
        Ok(Self {
            server_cpu,
            own_cpu: own_cpu(),
            since: Instant::now(),
        })
    }

    pub(crate) async fn close(self, server: &mut Server) -> Result<Measured> {
        let server_cpu = server.cpu().await?;
        let seconds = self.since.elapsed().as_secs_f64();
        let own_cpu = own_cpu().saturating_sub(self.own_cpu).as_secs_f64();
        Ok(Measured {
            seconds,
            server_cpu: server_cpu - self.server_cpu,
            own_cpu,
            resident: resident(),
            holds: server.holds().await?,
            calls: server.calls().await?,
        })
    }
}

/// The processor time that all threads of this program have used.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into()
        .expect("a process has not run for a negative time")
}

fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
