//! The engine's commands of the built program, against a real Valkey; one file a subcommand.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of a test function"
)]

mod doctor;
mod events;
mod flow;
mod job;
mod prompt;
mod queue;
mod scheduler;
mod support;
mod worker;
mod worker_stop;
