//! Gives jobs back whose worker is gone.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::engine::clock;
use crate::engine::connection::Connection;
use crate::engine::error::EngineError;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::options::millis;
use crate::engine::reply::{Decoder, Reply};
use crate::engine::scheduler;
use crate::engine::scripts::RECOVER_STALLED;

/// Looks at the start and then once an interval; all workers of a queue together look once an
/// interval, because the first to look keeps the others from it.
pub(super) async fn recover_regularly(
    connection: Connection,
    keys: QueueKeys,
    interval: Duration,
    max_stalls: u32,
    stop: CancellationToken,
) {
    loop {
        if !is_quiet(&connection, &keys).await {
            look_after(&connection, &keys, interval, max_stalls).await;
        }
        let wait = tokio::time::sleep(interval);
        if stop.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

async fn look_after(
    connection: &Connection,
    keys: &QueueKeys,
    interval: Duration,
    max_stalls: u32,
) {
    let queue = keys.queue().name();
    match recover(connection, keys, interval, max_stalls).await {
        Ok(recovered) => {
            for id in recovered {
                warn!(queue.name = queue, job.id = %id, "Job {id} lost its worker and waits again");
            }
        }
        Err(error) => {
            warn!(queue.name = queue, %error, "Could not look for jobs without a worker");
        }
    }
    // Once an interval is often enough: a series is at most that late, and goes on.
    match scheduler::rearm(connection, keys, clock::now()).await {
        Ok(rearmed) => {
            for id in rearmed {
                warn!(
                    queue.name = queue,
                    job.id = %id,
                    "A scheduler had no job waiting and goes on with {id}"
                );
            }
        }
        Err(error) => {
            warn!(queue.name = queue, %error, "Could not look after schedulers");
        }
    }
}

/// Whether no job is at work and no scheduler is there, so that one look is enough.
async fn is_quiet(connection: &Connection, keys: &QueueKeys) -> bool {
    let places = [Suffix::Active, Suffix::Stalled, Suffix::Repeat];
    let places = places.map(|place| keys.of(place)).to_vec();
    let found = connection.command("EXISTS", places).await;
    matches!(found, Ok(Reply::Int(0)))
}

async fn recover(
    connection: &Connection,
    keys: &QueueKeys,
    interval: Duration,
    max_stalls: u32,
) -> Result<Vec<String>, EngineError> {
    let args = [
        clock::now().to_string(),
        millis(interval).to_string(),
        max_stalls.to_string(),
    ];
    let reply = RECOVER_STALLED.call(connection, keys, args).await?;
    Decoder("recover_stalled").texts(reply)
}
