//! What is noted about a job while it goes on: its data, its progress, its log.

use std::ops::Range;

use serde::Serialize;

use super::connection::Connection;
use super::error::{EngineError, ScriptError};
use super::inspect::Order;
use super::keys::QueueKeys;
use super::queue::Queue;
use super::reply::{Decoder, Reply};
use super::scripts::{self, Script};

/// Lines of a job's log.
///
/// ```
/// use infra_redis::engine::Logs;
///
/// let logs = Logs { lines: vec!["half of it".to_owned()], total: 3 };
/// assert_eq!(logs.total - logs.lines.len() as u64, 2, "older lines were not asked for");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logs {
    /// The lines asked for, in the order asked for.
    pub lines: Vec<String>,
    /// How many lines there are in all.
    pub total: u64,
}

impl<T> Queue<T> {
    /// Gives a job other data. What a worker performs already keeps the old data. Announced by no
    /// event.
    ///
    /// # Errors
    ///
    /// [`EngineError::Data`] if the data has no JSON form, and
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing). Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.update_data("17", &42).await?;
    /// # Ok(()) }
    /// ```
    pub async fn update_data(&self, id: &str, data: &T) -> Result<(), EngineError>
    where
        T: Serialize,
    {
        let data = serde_json::to_string(data).map_err(EngineError::Data)?;
        update_data(&self.connection, &self.keys, id, data).await
    }

    /// Notes how far a job is, in any form that its readers understand. Announced by the event
    /// `progress`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Data`] if the progress has no JSON form, and
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing). Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.update_progress("17", &50).await?;
    /// queue.update_progress("17", "waiting for the printer").await?;
    /// # Ok(()) }
    /// ```
    pub async fn update_progress<P: Serialize + ?Sized>(
        &self,
        id: &str,
        progress: &P,
    ) -> Result<(), EngineError> {
        let progress = serde_json::to_string(progress).map_err(EngineError::Data)?;
        update_progress(&self.connection, &self.keys, id, progress).await
    }

    /// Adds a line to a job's log, of which the newest `keep` lines stay, or all if that is absent
    /// or 0; how many there are.
    ///
    /// If Valkey's answer is lost, the line may have been added or not.
    ///
    /// # Errors
    ///
    /// [`ScriptError::JobMissing`](crate::engine::ScriptError::JobMissing). Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let lines = queue.add_log("17", "asked the printer", Some(100)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn add_log(
        &self,
        id: &str,
        line: &str,
        keep: Option<u32>,
    ) -> Result<u64, EngineError> {
        add_log(&self.connection, &self.keys, id, line, keep).await
    }

    /// Lines of a job's log, those at the places in `range` of that order: with the newest first,
    /// `0..10` is the last ten. There are none if there is no such job.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Order, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let last_ten = queue.logs("17", 0..10, Order::NewestFirst).await?;
    /// for line in last_ten.lines {
    ///     tracing::info!("{line}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn logs(
        &self,
        id: &str,
        range: Range<u64>,
        order: Order,
    ) -> Result<Logs, EngineError> {
        let key = self.keys.job_logs(id);
        let place = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
        let (start, end) = (place(range.start), place(range.end));
        // The tail of the list is the newest line, which is -1.
        let (first, last) = match order {
            _ if range.is_empty() => (1, 0),
            Order::OldestFirst => (start, end - 1),
            Order::NewestFirst => (-end, -start - 1),
        };
        let args = [key.clone(), first.to_string(), last.to_string()];
        let lines = self.connection.command("LRANGE", args.into());
        let total = self.connection.command("LLEN", vec![key]);
        let (lines, total) = tokio::try_join!(lines, total)?;
        let mut lines = Decoder("LRANGE").texts(lines)?;
        if order == Order::NewestFirst {
            lines.reverse();
        }
        Ok(Logs {
            lines,
            total: Decoder("LLEN").count(&total)?,
        })
    }

    /// Removes all lines of a job's log but the newest `keep`; with 0 all of them.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// queue.clear_logs("17", 10).await?;
    /// # Ok(()) }
    /// ```
    pub async fn clear_logs(&self, id: &str, keep: u32) -> Result<(), EngineError> {
        let key = self.keys.job_logs(id);
        let cleared = if keep == 0 {
            self.connection.command("DEL", vec![key])
        } else {
            let args = vec![key, format!("-{keep}"), "-1".to_owned()];
            self.connection.command("LTRIM", args)
        };
        cleared.await.map(drop)
    }
}

/// See [`Queue::update_data`]; `data` is JSON.
pub(crate) async fn update_data(
    connection: &Connection,
    keys: &QueueKeys,
    id: &str,
    data: String,
) -> Result<(), EngineError> {
    let script = &scripts::UPDATE_DATA;
    let update = change_job(
        script,
        connection,
        keys,
        id,
        [data],
        ("updateData", "active"),
    );
    update.await.map(drop)
}

/// See [`Queue::update_progress`]; `progress` is JSON.
pub(crate) async fn update_progress(
    connection: &Connection,
    keys: &QueueKeys,
    id: &str,
    progress: String,
) -> Result<(), EngineError> {
    let script = &scripts::UPDATE_PROGRESS;
    let about = ("updateProgress", "active");
    let update = change_job(script, connection, keys, id, [progress], about);
    update.await.map(drop)
}

/// See [`Queue::add_log`].
pub(crate) async fn add_log(
    connection: &Connection,
    keys: &QueueKeys,
    id: &str,
    line: &str,
    keep: Option<u32>,
) -> Result<u64, EngineError> {
    let args = [line.to_owned(), keep.unwrap_or(0).to_string()];
    let about = ("addLog", "active");
    change_job(&scripts::ADD_LOG, connection, keys, id, args, about).await
}

/// Calls a script on one job, which answers with a number or, if it changed nothing, with a
/// negative code. `about` names the operation, and the state that the job should be in.
pub(super) async fn change_job<const N: usize>(
    script: &Script,
    connection: &Connection,
    keys: &QueueKeys,
    id: &str,
    args: [String; N],
    about: (&'static str, &'static str),
) -> Result<u64, EngineError> {
    let (operation, state) = about;
    let args = std::iter::once(id.to_owned()).chain(args);
    let reply: Reply = script.call(connection, keys, args).await?;
    let code = Decoder(operation).int(&reply)?;
    u64::try_from(code).map_err(|_| ScriptError::from_code(code, id, operation, state).into())
}
