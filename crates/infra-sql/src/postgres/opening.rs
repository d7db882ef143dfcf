//! Connecting, and how connections are set up.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection, PgPool};

use super::PostgresStore;
use super::signals::Signals;
use crate::failure::reason;
use crate::{DatabaseUrl, OpenError};

/// How long anybody waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// A connection that was idle for longer is asked whether it lives before it is used: after the
/// server was away, one failed request is enough to learn from.
const TRUSTED: Duration = Duration::from_secs(1);

/// What the server itself puts an end to, unless the URL's `options` say otherwise: a statement, a
/// wait for somebody else's lock, and a transaction whose process has stopped or is cut off. The
/// last is longer than any answer that is waited for within a transaction.
const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "60s"),
];

impl PostgresStore {
    /// Connects to a database, with at most so many connections. The schema is left as it is.
    pub async fn open(url: &DatabaseUrl, connections: NonZeroU32) -> Result<Self, OpenError> {
        let failed = |reason| OpenError {
            url: url.to_string(),
            reason,
        };
        let DatabaseUrl::Postgres(given) = url else {
            return Err(failed("it is not a Postgres database".to_owned()));
        };
        let options =
            PgConnectOptions::from_str(given.secret()).map_err(|error| failed(reason(&error)))?;
        // A pool that can't connect says no more than that it took too long.
        let first = tokio::time::timeout(ACQUIRE, PgConnection::connect_with(&options))
            .await
            .map_err(|_| failed(format!("no answer within {} s", ACQUIRE.as_secs())))?
            .map_err(|error| failed(reason(&error)))?;
        // It has served its purpose, and the pool makes its own.
        let _ = first.close().await;
        let pool = pool(options, connections);
        Ok(Self {
            url: url.clone(),
            signals: Arc::new(Signals::start(&pool)),
            pool,
        })
    }
}

fn pool(options: PgConnectOptions, connections: NonZeroU32) -> PgPool {
    let given = options.get_options().unwrap_or_default().to_owned();
    let limits = LIMITS.iter().filter(|(name, _)| !given.contains(name));
    let options = options.options(limits.copied());
    PgPoolOptions::new()
        .max_connections(connections.get())
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, age| {
            Box::pin(async move {
                if age.idle_for > TRUSTED {
                    // An error here closes the connection, and another is made.
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
