//! The notification-worker process. What it does on a job is `application::handlers_of` its queue.

use std::process::ExitCode;

use application::queues::QueueName;
use process::worker::{self, WorkerProcess};

fn main() -> ExitCode {
    worker::main(WorkerProcess {
        name: "notification-worker",
        about: "Tells people what concerns them",
        ops_port: 8082,
        queues: &[QueueName::Notifications],
    })
}
