//! Connections to Valkey. Together with `scripts`, the only place that knows the client library.

mod args;
mod blocking;
mod failure;
mod link;
mod settings;
mod subscription;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::{Options, Server};
use fred::types::{ClusterHash, CustomCommand, Resp3Frame, Value};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::error::{ConnectError, EngineError};
use super::reply::Reply;
use link::Link;
use settings::{FirstAttempt, READ_ATTEMPTS};

pub(crate) use args::Args;
pub(super) use blocking::BlockingConnection;
pub use settings::ConnectionSettings;
pub(super) use subscription::Subscription;

/// How long an answer may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long closing a connection may take.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a command follows a slot of a cluster to where it has moved.
const MAX_MOVES: usize = 3;

/// A connection for commands that many tasks share; what they send is pipelined.
///
/// It reconnects by itself, for as long as it takes; commands fail meanwhile. It is closed with its
/// last clone.
///
/// ```no_run
/// use infra_redis::engine::{Connection, ConnectionSettings, Queue, QueueId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = ConnectionSettings::parse("redis://127.0.0.1:6379")?;
/// let connection = Connection::open(&settings).await?;
/// let letters = Queue::<String>::new(connection.clone(), QueueId::parse("bull", "letters")?);
/// let numbers = Queue::<u32>::new(connection, QueueId::parse("bull", "numbers")?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connection {
    client: Client,
    // Shared, since each attempt at a job gets a connection.
    settings: Arc<ConnectionSettings>,
    link: Arc<Link>,
}

impl Connection {
    /// Connects, for up to 10 seconds.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Unreachable`] if no server answers there, and the other variants where waiting
    /// would not help.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectError, Connection, ConnectionSettings};
    /// # async fn example() -> Result<(), ConnectError> {
    /// let settings = ConnectionSettings::parse("redis://127.0.0.1:6379")?;
    /// let connection = Connection::open(&settings).await?;
    /// # Ok(()) }
    /// ```
    pub async fn open(settings: &ConnectionSettings) -> Result<Self, ConnectError> {
        let client = settings.open().await?;
        let connection = Self::over(client, settings);
        connection.learn_topology().await;
        Ok(connection)
    }

    /// Connects, or if the server is away, gives a connection that is made as soon as it is back.
    ///
    /// # Errors
    ///
    /// Where waiting would not help, such as for a wrong password; see [`ConnectError::may_pass`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectError, Connection, ConnectionSettings};
    /// # async fn example(settings: ConnectionSettings) -> Result<(), ConnectError> {
    /// let connection = Connection::open_or_wait(&settings).await?;
    /// let is_ready = connection.ping().await.is_ok();
    /// # Ok(()) }
    /// ```
    pub async fn open_or_wait(settings: &ConnectionSettings) -> Result<Self, ConnectError> {
        match Self::open(settings).await {
            Err(error) if error.may_pass() => {
                warn!("Valkey is away: {error}; connecting as soon as it is back");
            }
            decided => return decided,
        }
        let connection = Self::over(settings.client(FirstAttempt::IsOneOfMany), settings);
        connection.client.connect();
        let waiting = connection.clone();
        let learn = async move {
            // Fails if the client is closed before there is a connection.
            if waiting.client.wait_for_connect().await.is_ok() {
                info!(
                    "Valkey is there: connected to {}",
                    waiting.settings.address()
                );
                waiting.learn_topology().await;
            }
        };
        // Nobody waits for this: it ends once there is a connection.
        TaskTracker::new().spawn(learn);
        Ok(connection)
    }

    fn over(client: Client, settings: &ConnectionSettings) -> Self {
        Self {
            link: Arc::new(Link::watch(&client)),
            client,
            settings: Arc::new(settings.clone()),
        }
    }

    async fn learn_topology(&self) {
        let info = CustomCommand::new_static("INFO", ClusterHash::Random, false);
        // A server that does not tell is taken for one that stands alone, as most do.
        let info = self
            .send(info, "INFO", Args::from_iter(["cluster"]), READ_ATTEMPTS)
            .await;
        let is_cluster =
            matches!(info, Ok(Reply::Text(info)) if info.contains("cluster_enabled:1"));
        // Nobody else learns it.
        let _ = self.link.is_cluster.set(is_cluster);
    }

    /// Whether the server is a node of a cluster, where keys are spread over slots.
    pub(super) fn is_cluster(&self) -> bool {
        self.settings.is_cluster() || self.link.is_cluster.get().copied().unwrap_or(false)
    }

    /// Where it leads.
    pub(super) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Sends a command that does no harm when it is sent twice, as it is when an answer is lost.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, EngineError, Reply};
    /// # async fn example(connection: Connection) -> Result<(), EngineError> {
    /// let reply = connection.command("LLEN", vec!["bull:letters:wait".to_owned()]).await?;
    /// if let Reply::Int(waiting) = reply {
    ///     tracing::info!("{waiting} letters wait");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn command(
        &self,
        name: &'static str,
        args: Vec<String>,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        let args = Args::from_iter(args);
        self.send(command, name, args, READ_ATTEMPTS).await
    }

    /// The servers that share the keys: the nodes of a cluster, or the one there is.
    pub(super) fn nodes(&self) -> Vec<Node> {
        if self.settings.is_cluster() {
            let nodes = self.client.active_connections().into_iter();
            nodes.map(|server| Node(Some(server))).collect()
        } else {
            vec![Node(None)]
        }
    }

    /// The same as [`command`](Self::command), to one of the [`nodes`](Self::nodes).
    pub(super) async fn command_to(
        &self,
        node: &Node,
        name: &'static str,
        args: Vec<String>,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static(name, ClusterHash::Random, false);
        let options = Options {
            cluster_node: node.0.clone(),
            ..options(&command, READ_ATTEMPTS)
        };
        let client = self.client.with_options(&options);
        let args = Args::from_iter(args).into_values();
        decoded(name, client.custom_raw(command, args).await?)
    }

    /// Sends a command once: if its answer is lost, whether it took effect is not known.
    ///
    /// The first key is the argument at `first_key`.
    pub(super) async fn send_once(
        &self,
        name: &'static str,
        first_key: usize,
        operation: &'static str,
        args: Args,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static(name, ClusterHash::Offset(first_key), false);
        self.send(command, operation, args, 1).await
    }

    /// Whether the server answers; at once if there is no connection.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, EngineError};
    /// # async fn example(connection: Connection) -> Result<(), EngineError> {
    /// let is_ready = connection.ping().await.is_ok();
    /// # Ok(()) }
    /// ```
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.link.stands().map_err(EngineError::Unavailable)?;
        let command = CustomCommand::new_static("PING", ClusterHash::Random, false);
        self.send(command, "PING", Args::new(), 1).await.map(drop)
    }

    async fn send(
        &self,
        command: CustomCommand,
        operation: &'static str,
        args: Args,
        attempts: u32,
    ) -> Result<Reply, EngineError> {
        if self.settings.is_cluster() {
            return Box::pin(self.follow(command, operation, args, attempts)).await;
        }
        let client = self.client.with_options(&options(&command, attempts));
        // The library's future is large, and would be part of those of all who call this: each task
        // that adds a job would be ten kilobytes, copied several times on its way to the runtime.
        let sent = Box::pin(client.custom_raw(command, args.into_values())).await;
        decoded(operation, sent?)
    }

    /// Sends a command in a cluster. A slot that has moved costs an attempt, but nothing has run
    /// where it was, and the library knows by then where it is.
    async fn follow(
        &self,
        command: CustomCommand,
        operation: &'static str,
        args: Args,
        attempts: u32,
    ) -> Result<Reply, EngineError> {
        let client = self.client.with_options(&options(&command, attempts));
        let args = args.into_values();
        for _ in 0..MAX_MOVES {
            match client.custom_raw(command.clone(), args.clone()).await {
                Err(error) if failure::is_moved(&error) => {}
                sent => return decoded(operation, sent?),
            }
        }
        decoded(operation, client.custom_raw(command, args).await?)
    }
}

/// A server among those that share the keys.
pub(super) struct Node(Option<Server>);

/// How a command is sent.
fn options(command: &CustomCommand, attempts: u32) -> Options {
    Options {
        max_attempts: Some(attempts),
        timeout: Some(COMMAND_TIMEOUT),
        // The library passes over what the command itself says, and takes the first text for the
        // key, which for a script is its digest.
        cluster_hash: Some(command.cluster_hash.clone()),
        ..Options::default()
    }
}

/// What a command answered. It is read from the library's frames, since its values would be one more
/// list, with one more check of each text.
fn decoded(operation: &'static str, answer: Resp3Frame) -> Result<Reply, EngineError> {
    Ok(match answer {
        Resp3Frame::Null => Reply::Nil,
        Resp3Frame::Number { data, .. } => Reply::Int(data),
        Resp3Frame::Boolean { data, .. } => Reply::Int(data.into()),
        Resp3Frame::Double { data, .. } => Reply::Text(data.to_string()),
        Resp3Frame::BlobString { data, .. }
        | Resp3Frame::SimpleString { data, .. }
        | Resp3Frame::VerbatimString { data, .. } => Reply::Text(text(&data)),
        Resp3Frame::Array { data, .. } => {
            let items = data.into_iter().map(|item| decoded(operation, item));
            Reply::List(items.collect::<Result<_, _>>()?)
        }
        // The library tells what kind of error it is.
        Resp3Frame::SimpleError { .. } | Resp3Frame::BlobError { .. } => {
            let error = Value::try_from(answer).err();
            return Err(error.map_or_else(|| unreadable(operation), EngineError::from));
        }
        _ => return Err(unreadable(operation)),
    })
}

fn text(data: &[u8]) -> String {
    // To look for what is no text takes longer than to see that all of it is.
    std::str::from_utf8(data).map_or_else(
        |_| String::from_utf8_lossy(data).into_owned(),
        str::to_owned,
    )
}

fn unreadable(operation: &'static str) -> EngineError {
    EngineError::Reply {
        operation,
        expected: "numbers, texts and lists",
    }
}

async fn quit(client: &Client) {
    // If the server is away, there is nothing to close.
    let _ = tokio::time::timeout(QUIT_TIMEOUT, client.quit()).await;
}
