//! `bellwether events`.

mod shown;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use infra_redis::engine::{QueueEvents, ReadFrom, RecordedEvent};
use telemetry::shutdown::Shutdown;

use crate::arguments::queue_name;
use crate::output;
use crate::server::Server;

/// Tells what happens to the jobs of a queue
#[derive(Debug, Args)]
pub(crate) struct EventsCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Tail(Tail),
}

/// Prints each event in a line as it happens, until it is interrupted
///
/// With `--json` each line is a JSON object. Lines begin with the event's cursor, from which another
/// run can go on.
#[derive(Debug, Args)]
struct Tail {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Begin with the oldest event that is kept, or after the one with this cursor; with what
    /// happens from now on if absent
    #[arg(long, value_name = "start|CURSOR", value_parser = place)]
    from: Option<ReadFrom>,

    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl EventsCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let Action::Tail(tail) = self.action;
        tail.run(&self.server).await?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Tail {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let stop = Shutdown::listen()?.token();
        let from = self.from.unwrap_or(ReadFrom::Now);
        let mut events =
            QueueEvents::open(&server.settings()?, &server.id(&self.queue)?, from).await?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            // `next` is cancel-safe.
            let Some(Some(event)) = stop.run_until_cancelled(events.next()).await else {
                break;
            };
            if !print(server, &event)? {
                break;
            }
            left -= 1;
        }
        events.stop().await;
        Ok(())
    }
}

/// Whether anybody reads it.
fn print(server: &Server, event: &RecordedEvent) -> anyhow::Result<bool> {
    let line = if server.is_json() {
        serde_json::to_string(&shown::to_json(event))?
    } else {
        shown::to_text(event)
    };
    output::line(&line)
}

fn place(text: &str) -> Result<ReadFrom, String> {
    if text == "start" {
        return Ok(ReadFrom::Start);
    }
    let cursor = text.parse().map(ReadFrom::After);
    cursor.map_err(|_| "expected start, or a cursor such as 1795507964676-0".to_owned())
}
