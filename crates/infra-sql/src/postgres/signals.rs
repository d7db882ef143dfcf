//! Word of recorded events, within this process and between processes.
//!
//! A commit wakes the relay of its own process at once. Other processes are told with `NOTIFY`, in a
//! statement of its own after the commit: within the transaction, Postgres would let only one such
//! transaction commit at a time. Word that is lost (a process died in between, a connection was cut)
//! costs a relay no more than the wait until its next poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

const CHANNEL: &str = "bellwether_outbox";

/// How long to wait before listening again after that has failed.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Signals {
    /// Wakes the relay of this process.
    recorded: Arc<Notify>,
    /// Wakes the task that tells other processes. Commits while it is at it are told as one.
    untold: Arc<Notify>,
    listens: AtomicBool,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends the tasks with the last clone of the store, should nobody close it.
    _stop_on_drop: DropGuard,
}

impl Signals {
    pub(super) fn start(pool: &PgPool) -> Self {
        let stop = CancellationToken::new();
        let signals = Self {
            recorded: Arc::default(),
            untold: Arc::default(),
            listens: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        let telling = tell_others(pool.clone(), Arc::clone(&signals.untold));
        signals.spawn(telling);
        signals
    }

    /// Events were recorded and committed.
    pub(super) fn tell(&self) {
        self.recorded.notify_one();
        self.untold.notify_one();
    }

    /// Waits for word of recorded events. The first call starts to listen for other processes,
    /// which takes a connection that processes without a relay can do without.
    pub(super) async fn heard(&self, pool: &PgPool) {
        if !self.listens.swap(true, Ordering::Relaxed) {
            self.spawn(listen(pool.clone(), Arc::clone(&self.recorded)));
        }
        self.recorded.notified().await;
    }

    /// Ends the tasks, so that they give back their connections.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }
}

async fn tell_others(pool: PgPool, untold: Arc<Notify>) {
    loop {
        untold.notified().await;
        let told = sqlx::query("SELECT pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(&pool)
            .await;
        if let Err(error) = told {
            debug!("Other processes were not told of events and will find them: {error}");
        }
    }
}

async fn listen(pool: PgPool, recorded: Arc<Notify>) {
    loop {
        if let Err(error) = listen_while_connected(&pool, &recorded).await {
            warn!(
                "The events of other processes are found by looking until the database answers: {error}"
            );
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Listens on one connection. A new one is made from the start, which looks once for what was
/// recorded in between.
async fn listen_while_connected(pool: &PgPool, recorded: &Notify) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    debug!("Listening for the events of other processes");
    recorded.notify_one();
    while listener.try_recv().await?.is_some() {
        recorded.notify_one();
    }
    Ok(())
}
