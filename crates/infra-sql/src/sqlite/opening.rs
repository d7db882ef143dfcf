//! Opening the file, and how its connections are set up.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Notify;

use super::SqliteStore;
use super::turn::Turns;
use crate::failure::reason;
use crate::{DatabaseUrl, OpenError};

/// How long anybody waits for somebody else's use of the database before giving up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

const READERS: u32 = 8;

impl SqliteStore {
    /// Opens a database, making the file if there is none. The schema is left as it is.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let failed = |reason| OpenError {
            url: url.to_string(),
            reason,
        };
        let DatabaseUrl::Sqlite(path) = url else {
            return Err(failed("it is not an SQLite file".to_owned()));
        };
        make_file(path).map_err(failed)?;
        let store = Self::connect(url, path)
            .await
            .map_err(|error| failed(reason(&error)))?;
        Ok(store)
    }

    async fn connect(url: &DatabaseUrl, path: &Path) -> sqlx::Result<Self> {
        // SQLite takes `file:` and `:memory:` for something else; an absolute path is always a path.
        let path = std::path::absolute(path)?;
        let options = options(&path);
        let turns = Turns::at(&path, "-turn");
        // The first connection to a new file changes its journal mode. SQLite refuses that at once
        // while somebody else does the same, however long it may wait for anything else.
        let _turn = turns.next().await?;
        let store = Self {
            url: url.clone(),
            writer: pool(1, options.clone()).await?,
            readers: pool(READERS, options.pragma("query_only", "ON")).await?,
            turns,
            relays: Turns::at(&path, "-relay"),
            recorded: Arc::new(Notify::new()),
        };
        // A file that may only be read opens without a word; better now than at the first request.
        store
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await?
            .rollback()
            .await?;
        Ok(store)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit survives the death of the process with NORMAL too, and is three times as fast,
        // but not a loss of power: a worker would have told Valkey that an event is done, and its
        // effects would be gone for good. FULL waits for the disk at every commit.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
}

async fn pool(size: u32, options: SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        // A connection to a file doesn't die of age, and asking whether it lives costs a turn.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
}

/// Makes the file if there is none, because the system says better than SQLite why it can't.
///
/// A file that is there is left to SQLite: a process that opens and closes it gives up all locks
/// that SQLite has on it.
fn make_file(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if let Some(directory) = path.parent()
        && !directory.as_os_str().is_empty()
        && !directory.exists()
    {
        return Err(format!(
            "the directory {} does not exist",
            directory.display()
        ));
    }
    match for_the_owner_alone(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// The database holds hashes of passwords and tokens. SQLite gives its other files the same mode.
pub(super) fn for_the_owner_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
