//! The subcommands.

mod dead_letter;
mod demo;
mod doctor;
mod events;
mod flow;
mod job;
mod migrate;
mod queue;
mod replay;
mod scheduler;
mod worker;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Migrate),
    Demo(demo::Demo),
    Queue(queue::QueueCommand),
    Job(job::JobCommand),
    Flow(flow::FlowCommand),
    Scheduler(scheduler::SchedulerCommand),
    Events(events::EventsCommand),
    Worker(worker::WorkerCommand),
    Doctor(doctor::Doctor),
    DeadLetter(dead_letter::DeadLetterCommand),
    Replay(replay::Replaying),
}

impl Command {
    /// Carries it out; the code tells what was found.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Migrate(command) => command.run().await,
            Self::Demo(command) => command.run().await,
            Self::Queue(command) => command.run().await,
            Self::Job(command) => command.run().await,
            Self::Flow(command) => command.run().await,
            Self::Scheduler(command) => command.run().await,
            Self::Events(command) => command.run().await,
            Self::Worker(command) => command.run().await,
            Self::Doctor(command) => command.run().await,
            Self::DeadLetter(command) => command.run().await,
            Self::Replay(command) => command.run().await,
        }
    }
}
