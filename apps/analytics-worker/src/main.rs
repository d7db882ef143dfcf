//! The analytics-worker process. What it does on a job is `application::handlers_of` its queue.

use std::process::ExitCode;

use application::queues::QueueName;
use process::worker::{self, WorkerProcess};

fn main() -> ExitCode {
    worker::main(WorkerProcess {
        name: "analytics-worker",
        about: "Counts events, those without a route of their own among them",
        ops_port: 8084,
        queues: &[QueueName::Analytics, QueueName::Events],
    })
}
