//! Where Valkey is, and how it is reached: what a URL says, and what is known of fred beyond it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::socket2::TcpKeepalive;
use fred::types::config::{
    Config, ConnectionConfig, PerformanceConfig, ReconnectError, ReconnectPolicy, TcpConfig,
    TlsConfig, UnresponsiveConfig,
};
use futures_util::future::join;
use url::Url;

use super::{failure, tls};
use crate::engine::error::ConnectError;

/// How long making a connection may take, resolving the name included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After how much silence a connection is made anew. Less than a command's own limit: a command
/// that was given up is not counted any more, and the connection would never be found silent.
const SILENCE: Duration = Duration::from_secs(4);

/// How many commands may wait to be sent before more are refused, so that an outage fills no
/// memory.
pub(super) const MAX_WAITING_COMMANDS: usize = 10_000;

/// How often a command that changes nothing when repeated is sent.
pub(super) const READ_ATTEMPTS: u32 = 3;

/// The wait before a lost connection is made anew, in milliseconds: it doubles from the shortest to
/// the longest.
const MIN_WAIT: u32 = 50;
const MAX_WAIT: u32 = 1000;

/// The most that is added to each wait at random, in milliseconds, so that clients that lost the
/// same server do not all come back at once.
const JITTER: u32 = 200;

/// Answers after which a connection is of no use: the server is not the primary any more, or not
/// yet what it will be. Making the connection anew finds the one that is.
const WRONG_SERVER: [ReconnectError; 4] = [
    ReconnectError::ReadOnly,
    ReconnectError::Loading,
    ReconnectError::MasterDown,
    ReconnectError::ClusterDown,
];

/// What a URL without a port means.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What `Url` is told instead of a scheme that it knows nothing about.
const EXPECTED: &str = "expected redis://HOST:PORT, or a URL with one of the schemes rediss, \
                        redis-sentinel, rediss-sentinel, redis-cluster and rediss-cluster";

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

/// What stands behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topology {
    One,
    Sentinel,
    Cluster,
}

impl ConnectionSettings {
    /// Reads a URL:
    ///
    /// ```text
    /// redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
    /// redis-sentinel://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]?sentinelServiceName=NAME
    ///     [&node=HOST:PORT]…[&sentinelUsername=USER][&sentinelPassword=PASSWORD]
    /// redis-cluster://[[USER]:PASSWORD@]HOST[:PORT][?node=HOST:PORT]…
    /// ```
    ///
    /// `rediss` in place of `redis` means TLS, and `valkey` and `valkeys` mean the same as `redis`
    /// and `rediss`. User, password and names are percent-encoded. With TLS, the server's
    /// certificate is checked against the authorities that the system trusts.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] with what was expected. The error shows no password.
    ///
    /// ```
    /// # use infra_redis::engine::ConnectionSettings;
    /// assert!(ConnectionSettings::parse("valkey://localhost").is_ok());
    /// assert!(ConnectionSettings::parse("redis-cluster://a:7000?node=b:7000").is_ok());
    /// assert!(ConnectionSettings::parse("http://localhost").is_err());
    /// ```
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let address = redacted(url);
        let error = |reason: &str| ConnectError::Url {
            url: address.clone(),
            reason: reason.to_owned(),
        };
        let parsed = Url::parse(url).map_err(|_| error(EXPECTED))?;
        let (has_tls, topology) = meaning(parsed.scheme()).ok_or_else(|| error(EXPECTED))?;
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(error("it names no host"));
        }
        check_database(&parsed, topology).map_err(error)?;
        check_parameters(&parsed, topology).map_err(|reason| error(&reason))?;
        // Without TLS, whose settings are made below: the library's own look for the system's
        // authorities even where others are named.
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let plain = match topology {
            Topology::One => format!("redis://{rest}"),
            Topology::Sentinel => format!("redis-sentinel://{rest}"),
            Topology::Cluster => format!("redis-cluster://{rest}"),
        };
        let mut config = Config::from_url(&plain).map_err(|cause| error(cause.details()))?;
        if has_tls {
            let connector = tls::trusting_the_system().map_err(|reason| error(&reason))?;
            config.tls = Some(TlsConfig::from(connector));
        }
        Ok(Self { config, address })
    }

    /// Trusts the authorities whose certificates stand in this file, as PEM, and no others.
    ///
    /// # Errors
    ///
    /// [`ConnectError::CaFile`] if it can't be read or holds none, or if the URL says no TLS.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectError, ConnectionSettings};
    /// # fn example() -> Result<(), ConnectError> {
    /// let settings = ConnectionSettings::parse("rediss://valkey.internal")?
    ///     .with_ca_file("/etc/ssl/our-authority.pem".as_ref())?;
    /// # Ok(()) }
    /// ```
    pub fn with_ca_file(mut self, path: &Path) -> Result<Self, ConnectError> {
        let error = |reason: String| ConnectError::CaFile {
            path: path.display().to_string(),
            reason,
        };
        if self.config.tls.is_none() {
            return Err(error(format!(
                "it is of use with TLS alone, and {} is not encrypted",
                self.address
            )));
        }
        let connector = tls::trusting(path).map_err(error)?;
        self.config.tls = Some(TlsConfig::from(connector));
        Ok(self)
    }

    /// The address, without a password.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it names a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.config.server.is_clustered()
    }

    /// Whether connections are encrypted.
    pub(super) fn has_tls(&self) -> bool {
        self.config.tls.is_some()
    }

    /// A client that is not connected yet.
    pub(super) fn client(&self, first: FirstAttempt) -> Client {
        let connection = ConnectionConfig {
            connection_timeout: CONNECT_TIMEOUT,
            internal_command_timeout: CONNECT_TIMEOUT,
            max_command_attempts: READ_ATTEMPTS,
            max_command_buffer_len: MAX_WAITING_COMMANDS,
            reconnect_errors: WRONG_SERVER.to_vec(),
            unresponsive: UnresponsiveConfig {
                max_timeout: Some(SILENCE),
                interval: Duration::from_secs(1),
            },
            tcp: TcpConfig {
                // Each call is one write, which must not wait for the answer of the one before.
                nodelay: Some(true),
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
        let mut policy = ReconnectPolicy::new_exponential(0, MIN_WAIT, MAX_WAIT, 2);
        policy.set_jitter(JITTER);
        let mut config = self.config.clone();
        config.fail_fast = first == FirstAttempt::Decides;
        Client::new(
            config,
            Some(PerformanceConfig::default()),
            Some(connection),
            Some(policy),
        )
    }

    /// A client that is connected.
    pub(super) async fn open(&self) -> Result<Client, ConnectError> {
        let client = self.client(FirstAttempt::Decides);
        // Polled in this order, so that the outcome is awaited before it can be there. `Client::init`
        // would also close the client on failure, which has ended by itself, and warn of that.
        let connect = async { drop(client.connect()) };
        let connected = async { join(client.wait_for_connect(), connect).await.0 };
        let error = match tokio::time::timeout(CONNECT_TIMEOUT * 2, connected).await {
            Ok(Ok(())) => return Ok(client),
            Ok(Err(error)) => failure::connecting(self, &error),
            Err(_) => ConnectError::Unreachable {
                url: self.address.clone(),
                reason: format!("no answer within {:?}", CONNECT_TIMEOUT * 2),
            },
        };
        Err(error)
    }
}

/// Whether a client that can't connect at first gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstAttempt {
    Decides,
    IsOneOfMany,
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionSettings")
            .field(&self.address)
            .finish()
    }
}

/// Whether a scheme means TLS, and what it leads to.
fn meaning(scheme: &str) -> Option<(bool, Topology)> {
    let (family, topology) = match scheme.split_once('-') {
        None => (scheme, Topology::One),
        Some((family, "sentinel")) => (family, Topology::Sentinel),
        Some((family, "cluster")) => (family, Topology::Cluster),
        Some(_) => return None,
    };
    match family {
        "redis" | "valkey" => Some((false, topology)),
        "rediss" | "valkeys" => Some((true, topology)),
        _ => None,
    }
}

/// What follows the host must be a database number: the library would take anything else for
/// database 0 and so mix up what should be apart.
fn check_database(url: &Url, topology: Topology) -> Result<(), &'static str> {
    let database = url.path().trim_start_matches('/');
    if database.is_empty() {
        return Ok(());
    }
    if topology == Topology::Cluster {
        return Err("a cluster has no databases, so nothing may stand after the host");
    }
    match database.parse::<u8>() {
        Ok(_) => Ok(()),
        Err(_) => Err("the part after the host must be a database number"),
    }
}

/// The library passes over parameters that it does not know, misspelt ones with them.
fn check_parameters(url: &Url, topology: Topology) -> Result<(), String> {
    let known: &[&str] = match topology {
        Topology::One => &[],
        Topology::Sentinel => &[
            "node",
            "sentinelServiceName",
            "sentinelUsername",
            "sentinelPassword",
        ],
        Topology::Cluster => &["node"],
    };
    if let Some((name, _)) = url
        .query_pairs()
        .find(|(name, _)| !known.contains(&&**name))
    {
        // Behind the question mark of a password that was not escaped, anything may stand.
        let is_name = name.chars().all(|c| c.is_ascii_alphabetic());
        let name = if is_name { &*name } else { "this" };
        return Err(match known {
            [] => format!("`{name}` means nothing here, nor does anything else after a `?`"),
            known => format!(
                "`{name}` means nothing here; there are {}",
                known.join(", ")
            ),
        });
    }
    let names_service = |(name, value): (_, std::borrow::Cow<'_, str>)| {
        name == "sentinelServiceName" && !value.is_empty()
    };
    if topology == Topology::Sentinel && !url.query_pairs().any(names_service) {
        return Err("`?sentinelServiceName=` must name what the sentinels watch".to_owned());
    }
    Ok(())
}

/// A URL without what is secret in it. Where it can't be told what that is, nothing is left.
fn redacted(url: &str) -> String {
    let may_hold_secrets = url.contains(['@', '?']);
    match Url::parse(url) {
        // What stands before an @ in the path is the rest of a password with a slash in it.
        Ok(parsed) if parsed.has_host() && !parsed.path().contains('@') => {
            let has_credentials = !parsed.username().is_empty() || parsed.password().is_some();
            let credentials = if has_credentials { "…@" } else { "" };
            let scheme = parsed.scheme();
            let host = parsed.host_str().unwrap_or_default();
            let default = match meaning(scheme) {
                Some((_, Topology::Sentinel)) => SENTINEL_PORT,
                _ => PORT,
            };
            let port = parsed.port().unwrap_or(default);
            format!("{scheme}://{credentials}{host}:{port}{}", parsed.path())
        }
        _ if may_hold_secrets => "…".to_owned(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str) -> String {
        ConnectionSettings::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_url_is_answered_with_what_was_expected() {
        assert!(
            refused("localhost:6379").starts_with(
                "`localhost:6379` is not the URL of a Valkey server: expected redis://HOST:PORT"
            ),
            "{}",
            refused("localhost:6379")
        );
        for (url, expected) in [
            ("http://localhost", "expected redis://HOST:PORT"),
            ("redis-thing://localhost", "expected redis://HOST:PORT"),
            ("redis://localhost/a", "database number"),
            ("redis://localhost/1/2", "database number"),
            ("redis://", "is not the URL"),
            ("redis://:6379", "is not the URL"),
            ("redis://localhost?node=b:1", "`node` means nothing here"),
            ("redis-sentinel://localhost", "sentinelServiceName"),
            (
                "redis-sentinel://a?sentinelServiceName=",
                "sentinelServiceName",
            ),
            (
                "redis-sentinel://a?service=main",
                "`service` means nothing here; there are node,",
            ),
            ("redis-cluster://localhost/1", "a cluster has no databases"),
            (
                "redis-cluster://localhost?nodes=b:1",
                "`nodes` means nothing here",
            ),
        ] {
            let error = refused(url);
            assert!(error.contains(expected), "{url}: {error}");
        }
    }

    #[test]
    fn every_way_to_reach_a_server_has_a_scheme() {
        for (url, has_tls, is_cluster) in [
            ("redis://localhost", false, false),
            ("valkey://[::1]:1/3", false, false),
            ("rediss://localhost", true, false),
            ("valkeys://localhost", true, false),
            ("redis-cluster://a:1?node=b:2&node=c:3", false, true),
            ("rediss-cluster://a", true, true),
            (
                "redis-sentinel://a?sentinelServiceName=main&node=b:2",
                false,
                false,
            ),
            (
                "rediss-sentinel://a/1?sentinelServiceName=main",
                true,
                false,
            ),
        ] {
            let settings = ConnectionSettings::parse(url).unwrap();
            assert_eq!(
                (settings.has_tls(), settings.is_cluster()),
                (has_tls, is_cluster),
                "{url}"
            );
        }
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        let settings = ConnectionSettings::parse("redis://a%2Fda:p%40ss%3Aw%25rd@h:1").unwrap();
        assert_eq!(settings.config.username.as_deref(), Some("a/da"));
        assert_eq!(settings.config.password.as_deref(), Some("p@ss:w%rd"));
        let settings = ConnectionSettings::parse("redis://:secret@h").unwrap();
        assert_eq!(settings.config.username, None);
        assert_eq!(settings.config.password.as_deref(), Some("secret"));
    }

    #[test]
    fn a_secret_is_never_shown() {
        for url in [
            "redis://ada:secret@localhost:1/0",
            "redis://:secret@localhost:1/0",
            "redis-sentinel://h?sentinelServiceName=main&sentinelPassword=secret",
            "redis-sentinel://h?sentinelServiceName=main&sentinelPassword=a@secret",
        ] {
            let settings = ConnectionSettings::parse(url).unwrap();
            assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
            let missing = settings.with_ca_file(Path::new("/nowhere")).unwrap_err();
            assert!(!missing.to_string().contains("secret"), "{missing}");
        }
        for url in [
            "http://ada:secret@localhost",
            "ada:secret@localhost:6379",
            "redis://ada:sec/secret@localhost",
            "redis://ada:secret?@localhost",
            "redis://ada:12/secret@localhost",
            "redis://ada:12?secret@localhost",
            "redis-cluster://ada:12?secret@localhost",
            "redis://localhost?password=secret",
            "redis:ada:secret@localhost",
        ] {
            assert!(!refused(url).contains("secret"), "{}", refused(url));
        }
        let settings = ConnectionSettings::parse("redis://ada:secret@localhost:1/0").unwrap();
        assert_eq!(
            format!("{settings:?}"),
            r#"ConnectionSettings("redis://…@localhost:1/0")"#
        );
    }
}
