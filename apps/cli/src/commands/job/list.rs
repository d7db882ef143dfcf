//! `bellwether job list`.

use clap::Args;
use infra_redis::engine::{JobState, Order};

use crate::arguments::{job_state, queue_name};
use crate::job_view::JobView;
use crate::output::{Table, beginning, time};
use crate::server::Server;

/// How much of a job's data a table shows.
const DATA_WIDTH: usize = 60;

/// Lists the jobs of a queue
#[derive(Debug, Args)]
pub(super) struct List {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Only those in this state; may be repeated, or given as a list with commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = job_state)]
    state: Vec<JobState>,

    /// At most so many of each state
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,

    /// Pass over so many of each state
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,

    /// Those first that came to their state first, or that run first
    #[arg(long)]
    oldest_first: bool,
}

impl List {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        let states = if self.state.is_empty() {
            &JobState::ALL[..]
        } else {
            &self.state
        };
        let order = if self.oldest_first {
            Order::OldestFirst
        } else {
            Order::NewestFirst
        };
        let range = self.offset..self.offset.saturating_add(self.limit);
        let mut jobs = Vec::new();
        for state in states {
            let found = queue.jobs(&[*state], range.clone(), order).await?;
            let views = found
                .into_iter()
                .map(|job| JobView::new(&self.queue, job, Some(*state)));
            jobs.extend(views);
        }
        server.show(&jobs, |jobs| {
            let mut table = Table::new([
                "ID", "NAME", "STATE", "PRIORITY", "ATTEMPTS", "ADDED", "DATA",
            ]);
            for job in jobs {
                table.row([
                    job.id.clone(),
                    job.name.clone(),
                    job.state_or_none().to_owned(),
                    job.priority.to_string(),
                    job.attempts_made.to_string(),
                    time(job.timestamp),
                    beginning(job.data.get(), DATA_WIDTH),
                ]);
            }
            table.or(&format!("No such jobs in {}", self.queue))
        })
    }
}
