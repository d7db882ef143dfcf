//! Counts that many processes share, each in a window of time.

use std::time::Duration;

use super::connection::Connection;
use super::error::EngineError;
use super::keys::{QueueId, QueueKeys};
use super::options::millis;
use super::reply::Decoder;
use super::scripts;

/// Counts that many processes share, each by a name of its own.
///
/// A count begins with its first use and is forgotten when its window ends, by the server's clock.
///
/// ```no_run
/// use infra_redis::engine::{Connection, EngineError, QueueId, Tally};
/// use std::time::Duration;
///
/// # async fn example(connection: Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let requests = Tally::new(connection, &QueueId::parse("bull", "requests")?);
/// let ada = requests.count("ada", Duration::from_secs(60)).await?;
/// let is_allowed = ada.count <= 100;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tally {
    connection: Connection,
    keys: QueueKeys,
}

/// What was counted under a name.
///
/// ```
/// use infra_redis::engine::Tallied;
/// use std::time::Duration;
///
/// let ada = Tallied { count: 101, ends_in: Duration::from_secs(7) };
/// assert!(ada.count > 100, "try again after {:?}", ada.ends_in);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tallied {
    /// How often, this time included.
    pub count: u64,
    /// How long until it is forgotten.
    pub ends_in: Duration,
}

impl Tally {
    /// Counts under keys that begin with this id. It must not be that of a queue.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, OptionError, QueueId, Tally};
    /// # fn example(connection: Connection) -> Result<(), OptionError> {
    /// let requests = Tally::new(connection, &QueueId::parse("bull", "requests")?);
    /// # Ok(()) }
    /// ```
    pub fn new(connection: Connection, id: &QueueId) -> Self {
        Self {
            connection,
            keys: QueueKeys::new(id),
        }
    }

    /// Counts once more, in a window of whole milliseconds. If the answer is lost, whether it was
    /// counted is not known.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Tally};
    /// # use std::time::Duration;
    /// # async fn example(requests: Tally) -> Result<(), EngineError> {
    /// let ada = requests.count("ada", Duration::from_secs(60)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn count(&self, name: &str, window: Duration) -> Result<Tallied, EngineError> {
        let window = millis(window).max(1).to_string();
        let args = [name.to_owned(), window];
        let reply = scripts::TALLY.call(&self.connection, &self.keys, args);
        let decoder = Decoder("tally");
        let [count, left] = decoder.array(reply.await?)?;
        Ok(Tallied {
            count: decoder.count(&count)?,
            ends_in: Duration::from_millis(decoder.count(&left)?),
        })
    }

    /// Forgets what was counted under a name.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`].
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Tally};
    /// # async fn example(requests: Tally) -> Result<(), EngineError> {
    /// requests.forget("ada").await?;
    /// # Ok(()) }
    /// ```
    pub async fn forget(&self, name: &str) -> Result<(), EngineError> {
        let key = format!("{}{name}", self.keys.base());
        self.connection.command("DEL", vec![key]).await.map(drop)
    }
}
