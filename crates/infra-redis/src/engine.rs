//! A queue engine that stores exactly what BullMQ 6 would store, for every operation, so that
//! BullMQ's clients and this one share a queue at the same time.
//!
//! A [`Queue`] adds jobs, a [`Worker`] claims them and drives a [`Processor`], and a
//! [`QueueEvents`] tells what happens to them. What stands in Valkey is described in
//! `docs/wire.md`; the Lua in `scripts/` writes it. Only `connection` and `scripts` know the client
//! library.
//!
//! ```no_run
//! use infra_redis::engine::{
//!     Claimed, Connection, ConnectionSettings, JobContext, JobError, JobOptions, Processor, Queue,
//!     QueueId, Worker, WorkerSettings,
//! };
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Greeting {
//!     name: String,
//! }
//!
//! struct Greet;
//!
//! impl Processor for Greet {
//!     type Data = Greeting;
//!     type Output = usize;
//!
//!     async fn process(
//!         &self,
//!         job: Claimed<Greeting>,
//!         _context: &JobContext,
//!     ) -> Result<usize, JobError> {
//!         Ok(job.data.name.len())
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = ConnectionSettings::parse("redis://127.0.0.1:6379")?;
//! let connection = Connection::open(&settings).await?;
//! let id = QueueId::parse("bull", "greetings")?;
//!
//! let queue = Queue::<Greeting>::new(connection.clone(), id.clone());
//! let ada = Greeting { name: "Ada".to_owned() };
//! queue.add("greet", &ada, &JobOptions::default()).await?;
//!
//! let worker = Worker::start(&settings, id, Greet, WorkerSettings::default()).await?;
//! worker.stop(std::time::Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```

mod backoff;
mod batch;
mod cancel;
mod checkup;
mod clock;
mod connection;
pub(crate) mod data_identity;
mod discovery;
mod error;
mod events;
mod flow;
mod group_commit;
mod inspect;
mod job;
mod keys;
mod limits;
mod maintenance;
mod number;
mod options;
mod pace;
mod processor;
mod producer;
mod queue;
mod record;
mod registration;
mod removal;
mod reply;
mod scheduler;
mod scripts;
mod slot;
mod state;
mod tally;
mod turn;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod untrusted;
mod worker;

pub use backoff::{Backoff, BackoffError, BackoffStrategy, FailedAttempt};
pub use batch::JobBatch;
pub use cancel::{Cancellation, cancelled_reason, is_cancelled};
pub use checkup::Fault;
pub use connection::{Connection, ConnectionSettings};
pub use discovery::find_queues;
pub use error::{ConnectError, EngineError, OptionError, ScriptError};
pub use events::{
    CursorError, EventCursor, QueueEvent, QueueEvents, ReadFrom, RecordedEvent, WaitError,
};
pub use flow::{AddedFlow, Flow, FlowTree, Flows};
pub use inspect::{Dependencies, DependencyCounts, Finished, Metrics, Order};
pub use job::{Claimed, Job};
pub use keys::QueueId;
pub use maintenance::RetryReset;
pub use options::{ChildFailure, Deduplication, JobId, JobOptions, Keep, NewJob, ParentJob};
pub use processor::{Failure, JobContext, JobError, Processor};
pub use queue::{JobCounts, Queue};
pub use record::Logs;
pub use registration::RegisteredWorker;
pub use reply::Reply;
pub use scheduler::{JobTemplate, Schedule, ScheduledJob, Scheduler, SchedulerOptions};
pub use state::{FinishedState, JobState};
pub use tally::{Tallied, Tally};
pub use worker::{
    ConnectedWorker, Interruption, JobOutcome, LookAhead, RateLimit, StopReport, Worker,
    WorkerHandle, WorkerObserver, WorkerSettings,
};

#[cfg(test)]
#[path = "../tests/scripts/mod.rs"]
mod script_tests;

#[cfg(test)]
#[path = "../tests/model/mod.rs"]
mod model_tests;
