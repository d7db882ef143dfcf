//! Whose turn it is to write, among the tasks of this process and among processes.
//!
//! A writer that finds SQLite's lock taken sleeps, for up to 100 ms at a time, and tries again.
//! Where others write without a pause it may so wait for seconds (5 s were measured with four
//! processes), while they take the lock in between. Writers therefore queue for a lock on a file
//! beside the database first, where the kernel wakes them (0.3 s in the same measurement). This is
//! about fairness alone: SQLite's own lock is what keeps writers apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::opening::{PATIENCE, for_the_owner_alone};

/// Where the writers of a database take turns.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    file: PathBuf,
    /// The queue of this process; its head alone stands in the queue of all processes.
    head: Arc<Mutex<()>>,
}

/// The right to write; it ends when this is dropped.
pub(super) struct Turn {
    /// Closing it gives up its lock. Dropped before the next task of this process wants it.
    _file: File,
    _head: OwnedMutexGuard<()>,
}

impl Turns {
    /// The turns at the database with this path, of those that agree on a name.
    pub(super) fn at(database: &Path, name: &str) -> Self {
        let mut file = database.as_os_str().to_owned();
        file.push(name);
        Self {
            file: file.into(),
            head: Arc::default(),
        }
    }

    /// Waits for a turn, but not for ever.
    pub(super) async fn next(&self) -> io::Result<Turn> {
        tokio::time::timeout(PATIENCE, self.wait())
            .await
            .unwrap_or_else(|_| {
                let reason = format!("others have been writing for {} s", PATIENCE.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, reason))
            })
    }

    async fn wait(&self) -> io::Result<Turn> {
        let head = Arc::clone(&self.head).lock_owned().await;
        let file = for_the_owner_alone(OpenOptions::new().write(true).create(true))
            .truncate(false)
            .open(&self.file)?;
        match file.try_lock() {
            Ok(()) => Ok(Turn {
                _file: file,
                _head: head,
            }),
            // The thread waits on if nobody waits for it any more. It keeps its place at the head,
            // so there is never more than one.
            Err(TryLockError::WouldBlock) => tokio::task::spawn_blocking(move || {
                file.lock().map(|()| Turn {
                    _file: file,
                    _head: head,
                })
            })
            .await
            .map_err(io::Error::other)?,
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
