//! Cancelling jobs.

use std::process::ExitCode;

use clap::Args;
use infra_redis::engine::Cancellation;
use serde::Serialize;

use crate::arguments::queue_name;
use crate::server::Server;

/// Lets jobs fail for good that have not finished
///
/// A job that waits fails at once. The worker of an active job is asked to end it: it fails for good,
/// without being tried again, unless it completes first. The exit code is 1 if a job had finished or
/// does not exist; the others are cancelled all the same.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The jobs' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// Why, which stands on the job behind `cancelled: `
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    queue: &'a str,
    jobs: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    outcome: &'static str,
}

impl Cancel {
    pub(super) async fn run(self, server: &Server) -> anyhow::Result<ExitCode> {
        let queue = server.queue(&self.queue).await?;
        let mut answer = Answer {
            queue: &self.queue,
            jobs: Vec::with_capacity(self.ids.len()),
        };
        let mut code = ExitCode::SUCCESS;
        for id in &self.ids {
            let outcome = match queue.cancel(id, self.reason.as_deref()).await? {
                Cancellation::Cancelled => "cancelled",
                Cancellation::Asked => "asked",
                Cancellation::Finished => "finished",
                Cancellation::Missing => "missing",
            };
            if matches!(outcome, "finished" | "missing") {
                code = ExitCode::FAILURE;
            }
            answer.jobs.push(Told { id, outcome });
        }
        server.show(&answer, |answer| {
            let lines = answer.jobs.iter().map(|job| job.line(answer.queue));
            lines.collect::<Vec<_>>().join("\n")
        })?;
        Ok(code)
    }
}

impl Told<'_> {
    fn line(&self, queue: &str) -> String {
        let id = self.id;
        match self.outcome {
            "cancelled" => format!("Cancelled job {id} of {queue}"),
            "asked" => format!("Asked the worker of job {id} of {queue} to end it"),
            "finished" => format!("Job {id} of {queue} had finished already"),
            _ => format!("There is no job {id} in {queue}"),
        }
    }
}
