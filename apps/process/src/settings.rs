//! Groups of settings that processes share. Each is a flag and a variable, with a default that
//! makes a single machine work.

use std::time::Duration;

use anyhow::Context;
use application::queues::{QueueSetting, QueueTable, parse_duration};
use clap::Args;
use infra_redis::engine::{Connection, ConnectionSettings};
use infra_sql::{DatabaseUrl, SqliteStore};

/// The open database.
pub type Database = SqliteStore;

/// Where everything is stored.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The database, as `sqlite://PATH`
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        default_value = "sqlite://bellwether.db"
    )]
    pub database_url: String,
}

/// Where the queues are.
#[derive(Debug, Clone, Args)]
pub struct ValkeySettings {
    /// The Valkey that holds the queues, as `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`
    #[arg(
        long,
        env = "VALKEY_URL",
        value_name = "URL",
        default_value = "redis://127.0.0.1:6379",
        hide_env_values = true
    )]
    pub valkey_url: String,

    /// What the names of all keys start with
    #[arg(
        long,
        env = "VALKEY_PREFIX",
        value_name = "PREFIX",
        default_value = "bull"
    )]
    pub valkey_prefix: String,
}

/// What the queues are set to.
#[derive(Debug, Clone, Args)]
pub struct QueueSettingsArgs {
    /// A setting of a queue, such as feeds.concurrency=30 or notifications.rate-limit=100/60s; may
    /// be repeated, or given as a list with commas
    #[arg(
        long = "queue-option",
        env = "QUEUE_OPTIONS",
        value_name = "QUEUE.SETTING=VALUE",
        value_delimiter = ','
    )]
    pub queue_options: Vec<QueueSetting>,
}

/// How a process stops.
#[derive(Debug, Clone, Copy, Args)]
pub struct ShutdownSettings {
    /// How long work may take to end after SIGTERM or SIGINT
    #[arg(
        long,
        env = "SHUTDOWN_TIMEOUT",
        value_name = "DURATION",
        default_value = "20s",
        value_parser = duration
    )]
    pub shutdown_timeout: Duration,
}

impl DatabaseSettings {
    /// Opens the database; the schema is not looked at.
    pub async fn open(&self) -> anyhow::Result<Database> {
        let url: DatabaseUrl = self.database_url.parse().context("DATABASE_URL")?;
        SqliteStore::open(&url).await.context("DATABASE_URL")
    }
}

impl ValkeySettings {
    /// The settings of a connection.
    pub fn connection(&self) -> anyhow::Result<ConnectionSettings> {
        ConnectionSettings::parse(&self.valkey_url).context("VALKEY_URL")
    }

    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(&self.connection()?)
            .await
            .context("VALKEY_URL")
    }
}

impl QueueSettingsArgs {
    /// The defaults, with these settings on top.
    pub fn table(&self) -> QueueTable {
        let settings = self.queue_options.iter().copied();
        settings.fold(QueueTable::default(), QueueTable::with)
    }
}

/// Reads a duration such as `500ms`, `20s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 500ms, 20s or 5m".to_owned())
}
