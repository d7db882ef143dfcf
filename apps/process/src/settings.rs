//! Groups of settings that processes share. Each is a flag and a variable, with a default that
//! makes a single machine work.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use application::queues::{QueueSetting, QueueTable, parse_duration};
use clap::Args;
use infra_redis::engine::ConnectionSettings;
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
#[derive(Clone, Args)]
pub struct ValkeySettings {
    /// The Valkey that holds the queues, as `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or
    /// with rediss for TLS, redis-sentinel or redis-cluster; see docs/operations.md
    #[arg(
        long,
        env = "VALKEY_URL",
        value_name = "URL",
        default_value = "redis://127.0.0.1:6379",
        hide_env_values = true
    )]
    pub valkey_url: String,

    /// The certificates (PEM) of the authorities to trust with TLS, in place of the system's
    #[arg(long, env = "VALKEY_CA_FILE", value_name = "PATH")]
    pub valkey_ca_file: Option<PathBuf>,

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
        let settings = ConnectionSettings::parse(&self.valkey_url).context("VALKEY_URL")?;
        match &self.valkey_ca_file {
            Some(path) => settings.with_ca_file(path).context("VALKEY_CA_FILE"),
            None => Ok(settings),
        }
    }
}

impl fmt::Debug for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("ValkeySettings")
            .field("valkey_ca_file", &self.valkey_ca_file)
            .field("valkey_prefix", &self.valkey_prefix)
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_valkey_is_not_in_what_is_shown_of_the_settings() {
        let settings = ValkeySettings {
            valkey_url: "redis://ada:secret@localhost".to_owned(),
            valkey_ca_file: None,
            valkey_prefix: "bull".to_owned(),
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
