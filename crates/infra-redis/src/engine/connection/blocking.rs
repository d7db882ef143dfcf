//! A connection that waits for something to happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientInterface, ClientLike, EventInterface, SortedSetsInterface};
use fred::types::config::Options;
use fred::types::{ClientUnblockFlag, ClusterHash, CustomCommand, Value};
use futures_util::future::join;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::settings::READ_ATTEMPTS;
use super::{Args, COMMAND_TIMEOUT, ConnectionSettings, decoded, options, quit};
use crate::engine::error::{ConnectError, EngineError};
use crate::engine::reply::Reply;

/// How long the server may take to end a wait when asked to, and how often it is asked.
const UNBLOCK_TIMEOUT: Duration = Duration::from_secs(2);
const UNBLOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A connection of its own for a command that blocks until there is something.
///
/// Several commands at once would wait for each other. It reconnects by itself, and bears its name
/// again then.
pub(in crate::engine) struct BlockingConnection {
    client: Client,
    name: Option<String>,
    /// Whether the connection may have been made anew since it was named.
    may_be_nameless: Arc<AtomicBool>,
    naming: Option<JoinHandle<Result<(), Error>>>,
    is_closed: AtomicBool,
}

impl BlockingConnection {
    /// Connects. Others see the connection under this name; see
    /// [`registration`](crate::engine::registration).
    pub(in crate::engine) async fn open(
        settings: &ConnectionSettings,
        name: Option<String>,
    ) -> Result<Self, ConnectError> {
        let client = settings.open().await?;
        let may_be_nameless = Arc::new(AtomicBool::new(false));
        let naming = name.clone().map(|name| {
            let (client, nameless) = (client.clone(), Arc::clone(&may_be_nameless));
            client.clone().on_reconnect(move |_server| {
                nameless.store(true, Ordering::Relaxed);
                let (client, name) = (client.clone(), name.clone());
                async move {
                    set_name(&client, &name).await;
                    Ok(())
                }
            })
        });
        let connection = Self {
            client,
            name,
            may_be_nameless,
            naming,
            is_closed: AtomicBool::new(false),
        };
        if let Some(name) = &connection.name {
            set_name(&connection.client, name).await;
        }
        Ok(connection)
    }

    /// Takes the member with the lowest score from a sorted set, waiting for one at most `limit`.
    /// Returns its score.
    ///
    /// The future must run to its end: dropping it does not take the command back, and the server
    /// would hand the member to nobody. [`end`](Self::end) ends it early.
    pub(in crate::engine) async fn pop_min(
        &self,
        key: &str,
        limit: Duration,
    ) -> Result<Option<f64>, EngineError> {
        self.in_time(limit, self.wait_for_min(key, limit)).await?
    }

    /// Like [`pop_min`](Self::pop_min), with a call of a script behind it, which the server performs
    /// when the wait ends, however it does. Returns what came of both; an error of the wait is one of
    /// the call as well, unless that was answered all the same.
    pub(in crate::engine) async fn pop_min_and_call(
        &self,
        key: &str,
        limit: Duration,
        script: Args,
    ) -> (Option<f64>, Result<Reply, EngineError>) {
        // Polled in this order, so that the wait is sent first.
        let both = join(self.wait_for_min(key, limit), self.call_behind(script));
        match self.in_time(limit, both).await {
            Ok((popped, reply)) => (popped.ok().flatten(), reply),
            Err(error) => (None, Err(error)),
        }
    }

    async fn wait_for_min(&self, key: &str, limit: Duration) -> Result<Option<f64>, EngineError> {
        // Not a custom command: the library writes each of those by itself, and the server would read
        // the call behind this one on its own.
        let client = self.untimed(ClusterHash::FirstKey);
        let popped = Box::pin(client.bzpopmin::<Value, _>(key, limit.as_secs_f64()));
        match self.wait(popped).await? {
            Some(Value::Array(parts)) => Ok(parts.last().and_then(Value::as_f64)),
            _ => Ok(None),
        }
    }

    async fn call_behind(&self, script: Args) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static("EVALSHA", ClusterHash::Offset(2), false);
        let args = script.into_values();
        let client = self.untimed(command.cluster_hash.clone());
        decoded("EVALSHA", Box::pin(client.custom_raw(command, args)).await?)
    }

    /// Reads up to `count` entries of a stream after the one with the id `after`, if there are any.
    pub(in crate::engine) async fn read_stream(
        &self,
        key: &str,
        after: &str,
        count: usize,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static("XREAD", ClusterHash::Offset(3), false);
        let args = stream_args(&["COUNT", &count.to_string()], key, after);
        let client = self.client.with_options(&options(&command, READ_ATTEMPTS));
        let args = args.into_values();
        decoded("XREAD", Box::pin(client.custom_raw(command, args)).await?)
    }

    /// The newest entry of a stream, in a list of its own; an empty one if there is none.
    pub(in crate::engine) async fn last_entry(&self, key: &str) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static("XREVRANGE", ClusterHash::FirstKey, false);
        let args = Args::from_iter([key, "+", "-", "COUNT", "1"]).into_values();
        let client = self.client.with_options(&options(&command, READ_ATTEMPTS));
        decoded(
            "XREVRANGE",
            Box::pin(client.custom_raw(command, args)).await?,
        )
    }

    /// Like [`read_stream`](Self::read_stream), waiting for an entry at most `limit`. Takes nothing
    /// from the stream, so the future may be dropped where the connection is closed next.
    pub(in crate::engine) async fn await_stream(
        &self,
        key: &str,
        after: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static("XREAD", ClusterHash::Offset(5), true);
        let (count, block) = (count.to_string(), limit.as_millis().to_string());
        let args = stream_args(&["COUNT", &count, "BLOCK", &block], key, after);
        let client = self.untimed(command.cluster_hash.clone());
        let read = Box::pin(client.custom_raw(command, args.into_values()));
        let read = self.in_time(limit, self.wait(read)).await??;
        read.map_or(Ok(Reply::Nil), |read| decoded("XREAD", read))
    }

    /// Waits for what the server lets go after `limit`. If it is still not back a good while later,
    /// it has no server any more, and gets another connection.
    async fn in_time<T>(
        &self,
        limit: Duration,
        wait: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        if let Ok(waited) = tokio::time::timeout(limit + COMMAND_TIMEOUT, wait).await {
            return Ok(waited);
        }
        // The other end is gone and nobody said so.
        let _ = tokio::time::timeout(COMMAND_TIMEOUT, self.client.force_reconnection()).await;
        let reason = "a wait did not end in time";
        Err(EngineError::Unavailable(reason.to_owned()))
    }

    /// Sends commands that wait at the server. No time-out of the client's own: it would leave the
    /// command running there.
    fn untimed(&self, cluster_hash: ClusterHash) -> WithOptions<Client> {
        self.client.with_options(&Options {
            max_attempts: Some(1),
            cluster_hash: Some(cluster_hash),
            ..Options::default()
        })
    }

    /// Waits for a command that blocks; nothing if the server's limit passed.
    async fn wait<T>(
        &self,
        mut waited: impl Future<Output = Result<T, Error>> + Unpin,
    ) -> Result<Option<T>, EngineError> {
        let is_nameless = self.may_be_nameless.swap(false, Ordering::Relaxed);
        let waited = match &self.name {
            // The name goes in front of the wait on the same connection, so that no wait is without
            // it however recently the connection was made anew.
            Some(name) if is_nameless => tokio::select! {
                biased;
                () = Box::pin(set_name(&self.client, name)) => waited.await,
                waited = &mut waited => waited,
            },
            _ => waited.await,
        };
        match waited {
            // How the library reports that the server's limit passed.
            Err(error) if *error.kind() == ErrorKind::Timeout => Ok(None),
            Err(error) => {
                self.may_be_nameless.store(true, Ordering::Relaxed);
                Err(error.into())
            }
            Ok(value) => Ok(Some(value)),
        }
    }

    /// Waits for `wait`, which uses this connection, and [ends](Self::end) it once `stop` is
    /// cancelled.
    pub(in crate::engine) async fn until_stopped<T>(
        &self,
        stop: &CancellationToken,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(wait);
        tokio::select! {
            biased;
            value = &mut wait => Some(value),
            () = stop.cancelled() => self.end(wait).await,
        }
    }

    /// Makes the server end `wait`, which uses this connection, and waits for that; nothing if the
    /// server can't be asked to. Then the connection must be closed.
    pub(in crate::engine) async fn end<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(wait);
        let unblock = Box::pin(async {
            loop {
                let flag = Some(ClientUnblockFlag::Timeout);
                // Fails until the wait has reached the server; then it is tried again.
                let _ = self.client.unblock_self(flag).await;
                tokio::time::sleep(UNBLOCK_INTERVAL).await;
            }
        });
        tokio::select! {
            value = &mut wait => Some(value),
            () = unblock => None,
            () = tokio::time::sleep(UNBLOCK_TIMEOUT) => None,
        }
    }

    /// Closes it.
    pub(in crate::engine) async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        quit(&self.client).await;
    }
}

impl Drop for BlockingConnection {
    fn drop(&mut self) {
        if let Some(naming) = &self.naming {
            naming.abort();
        }
        // The library would keep the connection for ever, and others would take its owner for
        // alive. There is nobody left to wait for this.
        if !self.is_closed.load(Ordering::Relaxed)
            && let Ok(runtime) = Handle::try_current()
        {
            let client = self.client.clone();
            TaskTracker::new().spawn_on(async move { quit(&client).await }, &runtime);
        }
    }
}

/// Not every server lets clients have names, and none needs them.
async fn set_name(client: &Client, name: &str) {
    if let Err(error) = client.client_setname(name).await {
        debug!(%error, "The connection could not be named");
    }
}

fn stream_args(options: &[&str], key: &str, after: &str) -> Args {
    let stream = ["STREAMS", key, after];
    options.iter().chain(&stream).collect()
}
