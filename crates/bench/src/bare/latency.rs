//! Jobs added on schedule, and how long each takes to its start and to its completion.

use std::ops::Range;
use std::time::Instant;

use anyhow::Result;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::{BATCH, Bare};
use crate::bare::lane::{Fetched, Lane};
use crate::report::Report;
use crate::runs::Runs;
use crate::schedule::Schedule;

pub(super) async fn run(mut bare: Bare) -> Result<Report> {
    let (jobs, rate) = (bare.environment.jobs, bare.environment.rate);
    let (settle, slots) = (bare.environment.settle, bare.environment.concurrency);
    let (adding, working) = (bare.lane().await?, bare.lane().await?);
    let (come, coming) = mpsc::unbounded_channel();
    let scheduling = async {
        tokio::time::sleep(settle).await;
        let window = bare.window().await?;
        let schedule = Schedule::keep(rate, jobs, |job| {
            // Nobody listens if adding failed, and then all of this ends.
            let _ = come.send(job);
        });
        let schedule = schedule.await;
        drop(come);
        Ok((window, schedule))
    };
    let working = work(working, slots.min(BATCH), jobs);
    let ((window, schedule), (), worked) =
        tokio::try_join!(scheduling, add(adding, coming), working)?;
    let measured = bare.close(window).await?;
    let times = schedule.times(&worked.started, &worked.completed);
    Ok(bare.report("latency", measured, times, Some(&worked.runs)))
}

/// Adds jobs as they come; those that come while a call is under way are added by the next.
async fn add(mut lane: Lane, mut coming: UnboundedReceiver<usize>) -> Result<()> {
    let mut numbers = Vec::with_capacity(BATCH);
    while coming.recv_many(&mut numbers, BATCH).await > 0 {
        lane.add(range(&numbers)).await?;
        numbers.clear();
    }
    Ok(())
}

/// Jobs come in the order of their numbers.
fn range(numbers: &[usize]) -> Range<usize> {
    let first = numbers.first().copied().unwrap_or_default();
    first..first + numbers.len()
}

struct Worked {
    runs: Runs,
    /// Which job started, and which completed when.
    started: Vec<(usize, Instant)>,
    completed: Vec<(usize, Instant)>,
}

async fn work(mut lane: Lane, slots: usize, jobs: usize) -> Result<Worked> {
    let mut worked = Worked {
        runs: Runs::of(jobs),
        started: Vec::with_capacity(jobs),
        completed: Vec::with_capacity(jobs),
    };
    while worked.completed.len() < jobs {
        let mut held = lane.sleep_and_fetch(slots).await?;
        while !held.is_empty() {
            worked.start(&held);
            let fetched = lane.settle_and_fetch(&held, slots).await?;
            let now = Instant::now();
            worked.completed.extend(held.iter().map(|job| (job.i, now)));
            held = fetched;
        }
    }
    Ok(worked)
}

impl Worked {
    fn start(&mut self, jobs: &[Fetched]) {
        let now = Instant::now();
        for job in jobs {
            self.runs.note(job.i);
            self.started.push((job.i, now));
        }
    }
}
