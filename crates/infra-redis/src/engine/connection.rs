//! Connections to Valkey. Together with `scripts`, the only place that knows the client library.

mod blocking;

use std::fmt;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::socket2::TcpKeepalive;
use fred::types::config::{
    Config, ConnectionConfig, Options, PerformanceConfig, ReconnectPolicy, TcpConfig,
    UnresponsiveConfig,
};
use fred::types::{ClusterHash, CustomCommand, Value};

use super::error::{ConnectError, EngineError};
use super::reply::Reply;

pub(super) use blocking::BlockingConnection;

/// How long making a connection may take, resolving the name included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// After how much silence a connection is made anew. Less than a command's own limit: a command
/// that was given up is not counted any more, and the connection would never be found silent.
const SILENCE: Duration = Duration::from_secs(4);

/// How many commands may wait for an answer before more are refused, so that an outage fills no
/// memory.
const MAX_WAITING_COMMANDS: usize = 10_000;

/// How often a command that changes nothing when repeated is sent.
const READ_ATTEMPTS: u32 = 3;

/// Where a Valkey server is.
///
/// ```
/// use infra_redis::engine::ConnectionSettings;
///
/// let settings = ConnectionSettings::parse("redis://bellwether:secret@valkey.internal:6379/0")?;
/// assert!(!format!("{settings:?}").contains("secret"));
/// # Ok::<(), infra_redis::engine::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct ConnectionSettings {
    config: Config,
    address: String,
}

impl ConnectionSettings {
    /// Reads `redis://[user:password@]host[:port][/database]`; `valkey://` is the same.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] if it is no such address. The error shows no password.
    ///
    /// ```
    /// # use infra_redis::engine::ConnectionSettings;
    /// assert!(ConnectionSettings::parse("valkey://localhost").is_ok());
    /// assert!(ConnectionSettings::parse("rediss://localhost").is_err(), "there is no TLS");
    /// ```
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let address = without_password(url);
        let error = |reason: &str| ConnectError::Url {
            url: address.clone(),
            reason: reason.to_owned(),
        };
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("redis" | "valkey") => {}
            Some("rediss" | "valkeys") => {
                return Err(error("this build has no TLS; use redis://"));
            }
            _ => return Err(error("expected redis://HOST:PORT")),
        }
        // What follows the host must be a database number: the library would take anything else
        // for database 0 and so mix up what should be apart.
        let after_host = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        if let Some((_, database)) = after_host
            && !database.is_empty()
            && database.parse::<u8>().is_err()
        {
            return Err(error("the part after the host must be a database number"));
        }
        let config = Config::from_url(url).map_err(|cause| error(cause.details()))?;
        Ok(Self { config, address })
    }

    fn client(&self) -> Client {
        let connection = ConnectionConfig {
            connection_timeout: CONNECT_TIMEOUT,
            internal_command_timeout: CONNECT_TIMEOUT,
            max_command_attempts: READ_ATTEMPTS,
            max_command_buffer_len: MAX_WAITING_COMMANDS,
            unresponsive: UnresponsiveConfig {
                max_timeout: Some(SILENCE),
                interval: Duration::from_secs(1),
            },
            tcp: TcpConfig {
                keepalive: Some(
                    TcpKeepalive::new()
                        .with_time(Duration::from_secs(10))
                        .with_interval(Duration::from_secs(5)),
                ),
                ..TcpConfig::default()
            },
            ..ConnectionConfig::default()
        };
        // Without a policy the command after a lost connection would never return.
        let policy = ReconnectPolicy::new_exponential(0, 50, 1000, 2);
        Client::new(
            self.config.clone(),
            Some(PerformanceConfig::default()),
            Some(connection),
            Some(policy),
        )
    }

    async fn open(&self) -> Result<Client, ConnectError> {
        let unreachable = |reason: String| ConnectError::Unreachable {
            url: self.address.clone(),
            reason,
        };
        let client = self.client();
        match tokio::time::timeout(CONNECT_TIMEOUT * 2, client.init()).await {
            Ok(Ok(_)) => Ok(client),
            Ok(Err(error)) => Err(unreachable(error.details().to_owned())),
            Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}"))),
        }
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionSettings")
            .field(&self.address)
            .finish()
    }
}

/// A connection for commands that many tasks share; what they send is pipelined.
///
/// It reconnects by itself, for as long as it takes; commands fail meanwhile.
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
    settings: ConnectionSettings,
    is_cluster: bool,
}

impl Connection {
    /// Connects, for up to 10 seconds.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Unreachable`] if no server answers there, or if it refuses the password.
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
        let mut connection = Self {
            client,
            settings: settings.clone(),
            is_cluster: false,
        };
        let info = CustomCommand::new_static("INFO", ClusterHash::Random, false);
        // A server that does not tell is taken for one that stands alone, as most do.
        let info = connection
            .send(info, "INFO", vec!["cluster".to_owned()], READ_ATTEMPTS)
            .await;
        connection.is_cluster =
            matches!(info, Ok(Reply::Text(info)) if info.contains("cluster_enabled:1"));
        Ok(connection)
    }

    /// Whether the server is a node of a cluster, where keys are spread over slots.
    pub(super) fn is_cluster(&self) -> bool {
        self.is_cluster
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
        self.send(command, name, args, READ_ATTEMPTS).await
    }

    /// Sends a command once: if its answer is lost, whether it took effect is not known.
    ///
    /// The first key is the argument at `first_key`.
    pub(super) async fn send_once(
        &self,
        name: &'static str,
        first_key: usize,
        operation: &'static str,
        args: Vec<String>,
    ) -> Result<Reply, EngineError> {
        let command = CustomCommand::new_static(name, ClusterHash::Offset(first_key), false);
        self.send(command, operation, args, 1).await
    }

    /// Whether the server answers.
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
        let command = CustomCommand::new_static("PING", ClusterHash::Random, false);
        self.send(command, "PING", Vec::new(), 1).await.map(drop)
    }

    async fn send(
        &self,
        command: CustomCommand,
        operation: &'static str,
        args: Vec<String>,
        attempts: u32,
    ) -> Result<Reply, EngineError> {
        let options = Options {
            max_attempts: Some(attempts),
            timeout: Some(COMMAND_TIMEOUT),
            ..Options::default()
        };
        let sent = self
            .client
            .with_options(&options)
            .custom(command, args)
            .await;
        decoded(operation, sent?)
    }
}

fn decoded(operation: &'static str, value: Value) -> Result<Reply, EngineError> {
    to_reply(value).ok_or(EngineError::Reply {
        operation,
        expected: "numbers, texts and lists",
    })
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unknown | ErrorKind::InvalidCommand | ErrorKind::InvalidArgument => {
                Self::Refused {
                    operation: "a command",
                    reason: error.details().to_owned(),
                }
            }
            _ => Self::Unavailable(error.details().to_owned()),
        }
    }
}

fn to_reply(value: Value) -> Option<Reply> {
    Some(match value {
        Value::Null => Reply::Nil,
        Value::Integer(number) => Reply::Int(number),
        Value::Boolean(flag) => Reply::Int(flag.into()),
        Value::Double(number) => Reply::Text(number.to_string()),
        Value::String(text) => Reply::Text(text.to_string()),
        Value::Bytes(bytes) => Reply::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Array(items) => Reply::List(items.into_iter().map(to_reply).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_answered_with_what_was_expected() {
        let error = |url: &str| ConnectionSettings::parse(url).unwrap_err().to_string();
        assert_eq!(
            error("localhost:6379"),
            "`localhost:6379` is not the URL of a Valkey server: expected redis://HOST:PORT"
        );
        assert!(error("http://localhost").contains("expected redis://HOST:PORT"));
        assert!(error("rediss://localhost").contains("TLS"));
        assert!(error("redis://localhost/a").contains("database number"));
        assert!(error("redis://").contains("is not the URL"));
    }

    #[test]
    fn a_password_is_never_shown() {
        let settings = ConnectionSettings::parse("redis://ada:secret@localhost:1/0").unwrap();
        assert_eq!(
            format!("{settings:?}"),
            r#"ConnectionSettings("redis://…@localhost:1/0")"#
        );
        let error = ConnectionSettings::parse("http://ada:secret@localhost").unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
