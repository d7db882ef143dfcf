//! `bellwether scheduler`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use infra_redis::engine::{JobTemplate, Schedule, Scheduler, SchedulerOptions};
use process::settings::duration;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::job::options::WorkOptions;
use crate::arguments::{json as parse_json, moment, queue_name};
use crate::job_view::json_or_text;
use crate::output::{self, Table, time};
use crate::server::Server;

/// Looks after series of jobs at an interval, or at the times of a cron pattern
#[derive(Debug, Args)]
pub(crate) struct SchedulerCommand {
    #[command(flatten)]
    server: Server,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Upsert(Box<Upsert>),
    Remove(Remove),
}

/// Lists a queue's schedulers, or shows one, those first that are due first
#[derive(Debug, Args)]
struct List {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// Only this scheduler
    id: Option<String>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,

    /// Pass over so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
}

/// Sets a scheduler up, or changes the one with this id
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("schedule").required(true))]
struct Upsert {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The scheduler's id
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,

    /// A job at each interval
    #[arg(long, value_name = "DURATION", group = "schedule", value_parser = duration)]
    every: Option<Duration>,

    /// A job at the times of this pattern, of 5 fields or 6 with seconds in front
    #[arg(long, value_name = "PATTERN", group = "schedule")]
    cron: Option<String>,

    /// The time zone of the pattern, such as Europe/Berlin; UTC if absent
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    tz: Option<String>,

    /// How far the jobs are after whole intervals
    #[arg(long, value_name = "DURATION", conflicts_with = "cron", value_parser = duration)]
    offset: Option<Duration>,

    /// The kind of job; the scheduler's id if absent
    #[arg(long)]
    name: Option<String>,

    /// What the jobs work on, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = parse_json)]
    data: Box<RawValue>,

    /// So many jobs in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// No job before this time, in RFC 3339 or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "immediately")]
    start: Option<u64>,

    /// No job after this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end: Option<u64>,

    /// The first job at once
    #[arg(long)]
    immediately: bool,

    #[command(flatten)]
    work: WorkOptions,
}

/// Ends a series
#[derive(Debug, Args)]
struct Remove {
    /// The queue's name
    #[arg(value_parser = queue_name)]
    queue: String,

    /// The scheduler's id
    id: String,
}

/// A scheduler as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    name: String,
    pattern: Option<String>,
    every: Option<u64>,
    tz: Option<String>,
    limit: Option<u64>,
    start_date: Option<u64>,
    end_date: Option<u64>,
    offset: Option<u64>,
    iteration_count: Option<u64>,
    next: u64,
    data: Option<Box<RawValue>>,
    opts: Option<Box<RawValue>>,
}

impl SchedulerCommand {
    /// Carries it out.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(action) => action.run(&self.server).await?,
            Action::Upsert(action) => action.run(&self.server).await?,
            Action::Remove(action) => action.run(&self.server).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        let schedulers = if let Some(id) = &self.id {
            let found = queue.scheduler(id).await?;
            vec![found.with_context(|| format!("there is no scheduler {id} in {}", self.queue))?]
        } else {
            let range = self.offset..self.offset.saturating_add(self.limit);
            queue.schedulers(range).await?
        };
        let shown: Vec<_> = schedulers.into_iter().map(Shown::from).collect();
        server.show(&shown, |shown| {
            let mut table = Table::new(["ID", "NAME", "SCHEDULE", "JOBS", "LIMIT", "NEXT"]);
            for scheduler in shown {
                let number =
                    |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
                table.row([
                    scheduler.id.clone(),
                    scheduler.name.clone(),
                    scheduler.schedule(),
                    number(scheduler.iteration_count),
                    number(scheduler.limit),
                    time(scheduler.next),
                ]);
            }
            table.or(&format!("No schedulers in {}", self.queue))
        })
    }
}

impl Upsert {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let schedule = Schedule::from_options(
            self.every,
            self.offset,
            self.cron.as_deref(),
            self.tz.as_deref(),
        )?;
        let bounds = SchedulerOptions {
            limit: self.limit,
            start: self.start,
            end: self.end,
            immediately: self.immediately,
        };
        let template = JobTemplate {
            name: self.name.clone().unwrap_or_else(|| self.id.clone()),
            data: self.data.clone(),
            options: self.work.to_options()?,
        };
        let queue = server.queue(&self.queue).await?;
        let job = queue
            .upsert_scheduler(&self.id, &schedule, &bounds, &template)
            .await?;
        let delay = u64::try_from(job.delay.as_millis()).unwrap_or(u64::MAX);
        let answer = json!({
            "queue": self.queue, "id": self.id, "next": {"id": job.id, "delay": delay},
        });
        server.show(&answer, |_| {
            format!(
                "Scheduler {} of {} has job {} ahead, due in {}",
                self.id,
                self.queue,
                job.id,
                output::duration(job.delay)
            )
        })
    }
}

impl Remove {
    async fn run(self, server: &Server) -> anyhow::Result<()> {
        let queue = server.queue(&self.queue).await?;
        let was_there = queue.remove_scheduler(&self.id).await?;
        anyhow::ensure!(
            was_there,
            "there is no scheduler {} in {}",
            self.id,
            self.queue
        );
        let answer = json!({"queue": self.queue, "id": self.id, "removed": true});
        server.show(&answer, |_| {
            format!("Removed scheduler {} of {}", self.id, self.queue)
        })
    }
}

impl Shown {
    fn schedule(&self) -> String {
        match (&self.pattern, self.every) {
            (Some(pattern), _) => {
                let zone = self.tz.as_deref().unwrap_or("UTC");
                format!("{pattern} ({zone})")
            }
            (None, Some(every)) => {
                format!("every {}", output::duration(Duration::from_millis(every)))
            }
            (None, None) => String::new(),
        }
    }
}

impl From<Scheduler> for Shown {
    fn from(scheduler: Scheduler) -> Self {
        Self {
            id: scheduler.id,
            name: scheduler.name,
            pattern: scheduler.pattern,
            every: scheduler.every,
            tz: scheduler.time_zone,
            limit: scheduler.limit,
            start_date: scheduler.start,
            end_date: scheduler.end,
            offset: scheduler.offset,
            iteration_count: scheduler.iterations,
            next: scheduler.next,
            data: scheduler.data.as_deref().map(json_or_text),
            opts: scheduler.options.as_deref().map(json_or_text),
        }
    }
}
