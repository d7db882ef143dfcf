//! `bellwether doctor`.

use std::process::ExitCode;

use clap::Args;
use infra_redis::engine::{Fault, Queue, find_queues};
use serde::Serialize;

use crate::arguments::queue_name;
use crate::output::{Table, count};
use crate::server::{AnyQueue, Server};

/// Finds what is wrong with the data of queues, and repairs it if asked to
///
/// Finds ids without a job, jobs in no state, active jobs that no worker holds, schedulers that no
/// job stands for, and jobs that a client of BullMQ 5 left in `paused`. Looks at all keys of the
/// database, in steps that each take the server little time. The exit code is 1 if something was
/// found that is not repaired.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    server: Server,

    /// Only this queue; all queues with the prefix if absent
    #[arg(long, value_name = "QUEUE", value_parser = queue_name)]
    queue: Option<String>,

    /// Repair what is found
    ///
    /// An id without a job is removed. A job in no state goes where its own fields say. An active
    /// job that no worker holds waits again, as a stalled one. A scheduler gets its next job. Jobs
    /// left in `paused` wait with the others.
    #[arg(long)]
    repair: bool,
}

/// What came of the look.
#[derive(Debug, Serialize)]
struct Report {
    queues: u64,
    faults: Vec<Finding>,
}

/// One fault.
#[derive(Debug, Serialize)]
struct Finding {
    queue: String,
    fault: &'static str,
    /// Of a job or a scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The structure that holds an id without a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'static str>,
    /// How many jobs are left in `paused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<u64>,
    repaired: bool,
}

impl Doctor {
    /// Looks, repairs if asked to, and tells.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let connection = self.server.connect().await?;
        let ids = match &self.queue {
            Some(name) => vec![self.server.id(name)?],
            None => find_queues(&connection, self.server.prefix()).await?,
        };
        let mut report = Report {
            queues: ids.len() as u64,
            faults: Vec::new(),
        };
        for id in ids {
            let queue = Queue::new(connection.clone(), id);
            self.examine(&queue, &mut report).await?;
        }
        self.server.show(&report, Report::to_text)?;
        let is_well = report.faults.iter().all(|finding| finding.repaired);
        Ok(if is_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn examine(&self, queue: &AnyQueue, report: &mut Report) -> anyhow::Result<()> {
        for fault in queue.find_faults().await? {
            let repaired = self.repair && queue.repair(&fault).await?;
            let finding = Finding::new(queue.id().name(), fault, repaired);
            report.faults.push(finding);
        }
        Ok(())
    }
}

impl Report {
    fn to_text(&self) -> String {
        let looked_at = format!("Looked at {}", count(self.queues, "queue"));
        if self.faults.is_empty() {
            return format!("{looked_at}: nothing is wrong");
        }
        let mut table = Table::new(["QUEUE", "FAULT", "WHERE", "REPAIRED"]);
        for finding in &self.faults {
            table.row([
                finding.queue.clone(),
                finding.fault.to_owned(),
                finding.location(),
                if finding.repaired { "yes" } else { "no" }.to_owned(),
            ]);
        }
        let repaired = self.faults.iter().filter(|finding| finding.repaired);
        let repaired = repaired.count();
        let faults = count(self.faults.len() as u64, "fault");
        format!("{table}{looked_at}: {faults}, {repaired} repaired")
    }
}

impl Finding {
    fn new(queue: &str, fault: Fault, repaired: bool) -> Self {
        let (name, id, place, jobs) = match fault {
            Fault::IdWithoutJob { id, place } => ("id-without-job", Some(id), Some(place), None),
            Fault::JobWithoutState { id } => ("job-without-state", Some(id), None, None),
            Fault::ActiveWithoutLock { id } => ("active-without-lock", Some(id), None, None),
            Fault::SchedulerWithoutJob { id } => ("scheduler-without-job", Some(id), None, None),
            Fault::LeftInPaused { count } => ("left-in-paused", None, None, Some(count)),
        };
        Self {
            queue: queue.to_owned(),
            fault: name,
            id,
            place,
            jobs,
            repaired,
        }
    }

    fn location(&self) -> String {
        match (&self.id, self.place, self.jobs) {
            (Some(id), Some(place), _) => format!("{id} in {place}"),
            (Some(id), None, _) => id.clone(),
            (None, _, jobs) => count(jobs.unwrap_or(0), "job"),
        }
    }
}
