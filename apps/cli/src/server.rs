//! Where the queues are, and how answers are printed: what every command of the engine shares.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use infra_redis::engine::{Connection, ConnectionSettings, Queue, QueueId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output;

/// A queue whose jobs may work on anything. Their data is passed on as it is written.
pub(crate) type AnyQueue = Queue<Box<RawValue>>;

/// The Valkey that holds the queues.
#[derive(Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Server {
    /// The Valkey that holds the queues, as `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or
    /// with rediss for TLS, redis-sentinel or redis-cluster
    #[arg(
        long,
        global = true,
        env = "VALKEY_URL",
        value_name = "URL",
        default_value = "redis://127.0.0.1:6379",
        hide_env_values = true
    )]
    url: String,

    /// The certificates (PEM) of the authorities to trust with TLS, in place of the system's
    #[arg(long, global = true, env = "VALKEY_CA_FILE", value_name = "PATH")]
    ca_file: Option<PathBuf>,

    /// What the names of all keys start with
    #[arg(
        long,
        global = true,
        env = "VALKEY_PREFIX",
        value_name = "PREFIX",
        default_value = "bull"
    )]
    prefix: String,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Server")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// The settings of a connection.
    pub(crate) fn settings(&self) -> anyhow::Result<ConnectionSettings> {
        let settings = ConnectionSettings::parse(&self.url).context("VALKEY_URL")?;
        match &self.ca_file {
            Some(path) => settings.with_ca_file(path).context("VALKEY_CA_FILE"),
            None => Ok(settings),
        }
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        let connection = Connection::open(&self.settings()?).await;
        connection.context("VALKEY_URL")
    }

    /// The queue of this name.
    pub(crate) fn id(&self, queue: &str) -> anyhow::Result<QueueId> {
        Ok(QueueId::parse(&self.prefix, queue)?)
    }

    /// What the names of all keys start with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Connects to the queue of this name.
    pub(crate) async fn queue(&self, name: &str) -> anyhow::Result<AnyQueue> {
        let id = self.id(name)?;
        Ok(Queue::new(self.connect().await?, id))
    }

    /// Whether programs read the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints an answer: for programs, or in the words that `text` finds for people.
    pub(crate) fn show<T: Serialize + ?Sized>(
        &self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let answer = if self.json {
            serde_json::to_string(answer)?
        } else {
            text(answer)
        };
        output::line(&answer).map(drop)
    }
}
