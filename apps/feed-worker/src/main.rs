//! The feed-worker process. What it does on a job is `application::handlers_of` its queue.

use std::process::ExitCode;

use application::queues::QueueName;
use process::worker::{self, WorkerProcess};

fn main() -> ExitCode {
    worker::main(WorkerProcess {
        name: "feed-worker",
        about: "Keeps home feeds up to date",
        ops_port: 8083,
        queues: &[QueueName::Feeds],
    })
}
