//! What a job may be added with, as options of a command line.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use infra_redis::engine::{
    Backoff, ChildFailure, Deduplication, JobId, JobOptions, Keep, ParentJob,
};
use process::settings::duration;

use crate::arguments::{backoff, job_id, keep, moment, queue_and_id};
use crate::server::Server;

/// How jobs are worked, whether one is added or a scheduler makes many.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of the job")]
pub(in crate::commands) struct WorkOptions {
    /// Run after those with a lower number; 0, the default, runs first
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2_097_151))]
    priority: u32,

    /// Try so often in all
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    attempts: u32,

    /// Wait between attempts, always the same or twice as long each time: `fixed:1000` or
    /// `exponential:1000` (milliseconds), `exponential:2s`
    #[arg(long, value_name = "KIND:WAIT", value_parser = backoff)]
    backoff: Option<Backoff>,

    /// Shorten each wait at random by up to this share, from 0 to 1
    #[arg(long, value_name = "SHARE", requires = "backoff")]
    jitter: Option<f64>,

    /// Run before those that wait
    #[arg(long)]
    lifo: bool,

    /// Which jobs to keep when this one completes: `all`, `none`, a number, an age such as `24h`, or
    /// both such as `100/24h`
    #[arg(long, value_name = "KEEP", value_parser = keep)]
    keep_completed: Option<Keep>,

    /// Which jobs to keep when this one fails for good
    #[arg(long, value_name = "KEEP", value_parser = keep)]
    keep_failed: Option<Keep>,

    /// Keep so many lines of the job's log
    #[arg(long, value_name = "N")]
    keep_logs: Option<u32>,

    /// Keep so many stack traces
    #[arg(long, value_name = "N")]
    stack_trace_limit: Option<u32>,

    /// Refuse data that has more bytes as JSON
    #[arg(long, value_name = "BYTES")]
    size_limit: Option<usize>,
}

/// When and where one job is added.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of the job")]
pub(super) struct PlaceOptions {
    /// An id of one's own; if it is in use, nothing is added
    #[arg(long, value_name = "ID", value_parser = job_id)]
    id: Option<JobId>,

    /// Wait before it may start
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    delay: Option<Duration>,

    /// Count as added at this time, in RFC 3339 or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    timestamp: Option<u64>,

    /// Be a child of this job, which must exist
    #[arg(long, value_name = "QUEUE:ID", value_parser = queue_and_id)]
    parent: Option<(String, String)>,

    /// What it means to the parent when this job fails for good; it goes on waiting if absent
    #[arg(long, value_enum, value_name = "POLICY", requires = "parent")]
    on_failure: Option<OnFailure>,

    #[command(flatten)]
    deduplication: DeduplicationOptions,
}

/// Which other jobs this one stands for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of the job")]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "one for each flag, and named like it"
)]
struct DeduplicationOptions {
    /// Don't add the job while another one of this deduplication id is not finished
    #[arg(long, value_name = "ID", conflicts_with = "parent")]
    dedup_id: Option<String>,

    /// How long the deduplication id stays taken, finished or not
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "dedup_id")]
    dedup_ttl: Option<Duration>,

    /// Start that time anew with each job
    #[arg(long, requires = "dedup_id")]
    dedup_extend: bool,

    /// Take the place of one that is still delayed
    #[arg(long, requires = "dedup_id")]
    dedup_replace: bool,

    /// Follow one that is active, if this is the last one added meanwhile
    #[arg(long, requires = "dedup_id")]
    dedup_keep_last: bool,

    /// Give one that is still delayed this job's delay
    #[arg(long, requires = "dedup_id")]
    dedup_reschedule: bool,
}

/// What a child's failure means to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnFailure {
    /// The parent fails too
    FailParent,
    /// The parent runs at once
    ContinueParent,
    /// The parent runs once its other children are done, and can see the reason
    Ignore,
    /// The parent runs once its other children are done, as if there had been no such child
    Remove,
}

impl WorkOptions {
    /// The options of the engine.
    pub(in crate::commands) fn to_options(&self) -> anyhow::Result<JobOptions> {
        let jitter = self.jitter.unwrap_or(0.0);
        let backoff = self
            .backoff
            .clone()
            .map(|backoff| backoff.with_jitter(jitter));
        Ok(JobOptions {
            priority: self.priority,
            attempts: self.attempts,
            backoff: backoff.transpose().context("jitter")?,
            lifo: self.lifo,
            keep_completed: self.keep_completed,
            keep_failed: self.keep_failed,
            keep_logs: self.keep_logs,
            stack_trace_limit: self.stack_trace_limit,
            size_limit: self.size_limit,
            ..JobOptions::default()
        })
    }
}

impl PlaceOptions {
    /// Adds these to the options of the engine.
    pub(super) fn add_to(self, options: JobOptions, server: &Server) -> anyhow::Result<JobOptions> {
        let parent = self.parent.map(|(queue, id)| {
            let queue = server.id(&queue)?;
            Ok::<_, anyhow::Error>(ParentJob { queue, id })
        });
        let deduplication = self.deduplication;
        Ok(JobOptions {
            id: self.id,
            delay: self.delay.unwrap_or_default(),
            timestamp: self.timestamp,
            parent: parent.transpose()?,
            on_failure: match self.on_failure {
                None => ChildFailure::Hold,
                Some(OnFailure::FailParent) => ChildFailure::FailParent,
                Some(OnFailure::ContinueParent) => ChildFailure::ContinueParent,
                Some(OnFailure::Ignore) => ChildFailure::Ignore,
                Some(OnFailure::Remove) => ChildFailure::Remove,
            },
            deduplication: deduplication.dedup_id.map(|id| Deduplication {
                id,
                ttl: deduplication.dedup_ttl,
                extend: deduplication.dedup_extend,
                replace: deduplication.dedup_replace,
                keep_last_if_active: deduplication.dedup_keep_last,
                reschedule: deduplication.dedup_reschedule,
            }),
            ..options
        })
    }
}
