//! Groups of settings that processes share. Each is a flag and a variable, with a default that
//! makes a single machine work.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use application::events::upkeep::RetentionSettings;
use application::queues::{QueueSetting, QueueTable, parse_duration};
use clap::Args;
use infra_redis::engine::ConnectionSettings;
use infra_sql::DatabaseUrl;

pub use infra_sql::Database;

/// Where everything is stored.
#[derive(Clone, Args)]
pub struct DatabaseSettings {
    /// The database, as `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        default_value = "sqlite://bellwether.db",
        hide_env_values = true
    )]
    pub database_url: String,

    /// The most connections this process makes to a Postgres server, 4 or more
    #[arg(
        long,
        env = "DATABASE_CONNECTIONS",
        value_name = "COUNT",
        default_value = "16",
        value_parser = connections
    )]
    pub database_connections: NonZeroU32,
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

/// How long what happened to events is remembered.
#[derive(Debug, Clone, Copy, Args)]
pub struct RetentionArgs {
    /// How long published events are kept, to be published again if need be
    #[arg(
        long,
        env = "OUTBOX_RETENTION",
        value_name = "DURATION",
        default_value = "168h",
        value_parser = duration
    )]
    pub outbox_retention: Duration,

    /// How long it is remembered that an event was handled, so that it takes effect once; at least
    /// a day longer than `OUTBOX_RETENTION`
    #[arg(
        long,
        env = "INBOX_RETENTION",
        value_name = "DURATION",
        default_value = "720h",
        value_parser = duration
    )]
    pub inbox_retention: Duration,

    /// How long what failed for good is kept.
    #[command(flatten)]
    pub letters: LetterRetentionArgs,
}

/// How long failures are remembered.
#[derive(Debug, Clone, Copy, Args)]
pub struct LetterRetentionArgs {
    /// How long a dead letter is kept after the last thing that happened to it; the same for web and
    /// workers
    #[arg(
        long,
        env = "DEAD_LETTER_RETENTION",
        value_name = "DURATION",
        default_value = "720h",
        value_parser = duration
    )]
    pub dead_letter_retention: Duration,
}

impl RetentionArgs {
    /// The settings, unless with them an event could take effect twice.
    pub fn settings(self) -> anyhow::Result<RetentionSettings> {
        let settings = RetentionSettings {
            published: self.outbox_retention,
            handled: self.inbox_retention,
            letters: self.letters.dead_letter_retention,
        };
        settings.check().context("INBOX_RETENTION")
    }
}

impl DatabaseSettings {
    /// Which database is meant; printed, it holds no password.
    pub fn url(&self) -> anyhow::Result<DatabaseUrl> {
        self.database_url.parse().context("DATABASE_URL")
    }

    /// Opens the database; the schema is not looked at.
    pub async fn open(&self) -> anyhow::Result<Database> {
        Database::open(&self.url()?, self.database_connections)
            .await
            .context("DATABASE_URL")
    }

    /// Opens the database, whose schema must be one that this release can work with.
    pub async fn open_ready(&self) -> anyhow::Result<Database> {
        let database = self.open().await?;
        database.check_schema().await.context("DATABASE_URL")?;
        Ok(database)
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

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("DatabaseSettings")
            .field("database_connections", &self.database_connections)
            .finish_non_exhaustive()
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

/// A relay needs one connection to listen on, one for its claim and one to record what it has
/// published, and somebody else one.
const FEWEST_CONNECTIONS: u32 = 4;

fn connections(text: &str) -> Result<NonZeroU32, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| *count >= FEWEST_CONNECTIONS);
    count
        .and_then(NonZeroU32::new)
        .ok_or_else(|| format!("expected a number, {FEWEST_CONNECTIONS} or more"))
}

/// Reads a duration such as `500ms`, `20s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 500ms, 20s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_the_database_is_not_in_what_is_shown_of_the_settings() {
        let settings = DatabaseSettings {
            database_url: "postgres://ada:secret@localhost/bellwether".to_owned(),
            database_connections: NonZeroU32::MIN,
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }

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
