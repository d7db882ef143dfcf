//! The call that settles jobs and claims others, and what it brings.

use std::time::Duration;

use crate::engine::clock;
use crate::engine::connection::{Args, BlockingConnection, Connection};
use crate::engine::error::{EngineError, ScriptError};
use crate::engine::job::Fetched;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::options::millis;
use crate::engine::reply::{Decoder, Reply};
use crate::engine::scripts::SETTLE_AND_FETCH;

use super::WorkerSettings;
use super::settlement::Settlement;

/// What one call brought.
#[derive(Debug)]
pub(super) struct Round {
    /// For each settlement, whether it took effect.
    pub(super) settled: Vec<Result<(), ScriptError>>,
    /// The jobs claimed.
    pub(super) jobs: Vec<Fetched>,
    /// How long the rate limit lets no job start.
    pub(super) rate_limited: Option<Duration>,
    /// When the next delayed job is due, in Unix milliseconds; only told when fewer jobs came than
    /// were asked for.
    pub(super) next_due: Option<f64>,
}

/// What a call is made for beside what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expects {
    /// There may be jobs to claim.
    Anything,
    /// The last look brought fewer jobs than were asked for, and nobody has told of more since.
    NothingMore,
    /// The last look brought as many jobs as were asked for, and delayed jobs were looked for just
    /// before.
    Plenty,
    /// The same call was made, and its answer was lost.
    LostCall,
    /// It stands behind a sleep and is performed when that ends, which nobody can tell beforehand.
    EndOfSleep,
}

/// How many jobs a call claims at most, and the token of the first; the others' have their number
/// behind it, from 2. No two calls have the same.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) jobs: usize,
    pub(super) token: String,
}

/// Ends the work on jobs and claims others, in one call.
///
/// If the answer is lost, the same settlements and claim may be sent again: those settlements that
/// took effect then fail with a missing lock, and the jobs claimed are given out again.
pub(super) async fn settle_and_fetch(
    connection: &Connection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
    settlements: &[Settlement],
    claim: &Claim,
    expects: Expects,
) -> Result<Round, EngineError> {
    let reply = SETTLE_AND_FETCH
        .call_for(connection, &[keys], |args| {
            write_args(args, settings, settlements, claim, expects);
        })
        .await?;
    decode(reply, settlements)
}

/// Brings the script to a server that may not have it, which takes the server longer than the script
/// does: a worker's first jobs, and whoever else is served, would wait for both at once.
pub(super) async fn bring_script(
    connection: &Connection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
) {
    let nothing = Claim {
        jobs: 0,
        token: String::new(),
    };
    let brought = settle_and_fetch(connection, keys, settings, &[], &nothing, Expects::Anything);
    // What is wrong is told of by the first call that has something to do.
    let _ = brought.await;
}

/// Sleeps on `connection` until somebody tells of jobs, at most `limit`, and claims them in the same
/// round trip: the claim stands behind the sleep, and the server performs it when that ends.
///
/// Returns the score of what was told, and what the claim brought. If its answer is lost, the claim may
/// be made again.
pub(super) async fn sleep_and_fetch(
    connection: &BlockingConnection,
    keys: &QueueKeys,
    settings: &WorkerSettings,
    limit: Duration,
    claim: &Claim,
) -> (Option<f64>, Result<Round, EngineError>) {
    let args = SETTLE_AND_FETCH.args(&[keys], |args| {
        write_args(args, settings, &[], claim, Expects::EndOfSleep);
    });
    let marker = keys.of(Suffix::Marker);
    let (told, reply) = connection.pop_min_and_call(&marker, limit, args).await;
    (told, reply.and_then(|reply| decode(reply, &[])))
}

fn write_args(
    args: &mut Args,
    settings: &WorkerSettings,
    settlements: &[Settlement],
    claim: &Claim,
    expects: Expects,
) {
    args.display(clock::now());
    write_worker(args, settings);
    args.text(match expects {
        Expects::Anything => "",
        Expects::EndOfSleep => "asleep",
        Expects::LostCall => "lost",
        Expects::NothingMore => "quiet",
        Expects::Plenty => "busy",
    });
    args.display(claim.jobs);
    args.display(settlements.len());
    for settlement in settlements {
        settlement.write(args);
    }
    args.text(&claim.token);
}

/// How long the worker's locks last, and behind that its limits and its name, if it has any.
fn write_worker(args: &mut Args, settings: &WorkerSettings) {
    let lasts = millis(settings.lock_duration);
    let (limits, name) = (limits(settings), settings.name.as_deref());
    if limits.is_empty() && name.is_none() {
        args.display(lasts);
    } else {
        let name = name.unwrap_or_default();
        args.display(format_args!("{lasts}|{limits}|{name}"));
    }
}

fn limits(settings: &WorkerSettings) -> String {
    let (limit, points) = (settings.rate_limit, settings.metrics_points);
    if limit.is_none() && points.is_none() {
        return String::new();
    }
    let text = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    format!(
        "{}:{}:{}",
        text(limit.map(|limit| limit.max.into())),
        text(limit.map(|limit| millis(limit.window))),
        text(points.map(u64::from)),
    )
}

fn decode(reply: Reply, settlements: &[Settlement]) -> Result<Round, EngineError> {
    let decoder = Decoder("settle_and_fetch");
    let mut items = decoder.list(reply)?;
    let (Some(due), Some(ttl)) = (items.pop(), items.pop()) else {
        return Err(decoder.unexpected("two times"));
    };
    let Some(count) = items.len().checked_sub(settlements.len()) else {
        return Err(decoder.unexpected("a code for each settled job"));
    };
    let codes = items.split_off(count);
    let settled = codes
        .into_iter()
        .zip(settlements)
        .map(|(code, settlement)| {
            let (id, operation) = (&settlement.id, settlement.operation());
            Ok(match code {
                Reply::Int(0..) => Ok(()),
                Reply::Text(reason) => Err(ScriptError::Faulty {
                    id: id.clone(),
                    operation,
                    reason,
                }),
                code => {
                    let code = decoder.int(&code)?;
                    Err(ScriptError::from_code(code, id, operation, "active"))
                }
            })
        });
    let settled = settled.collect::<Result<_, EngineError>>()?;
    let mut items = items.into_iter();
    let mut jobs = Vec::new();
    while items.len() > 0 {
        jobs.push(Fetched::decode(decoder, &mut items)?);
    }
    let ttl = decoder.count(&ttl)?;
    let next_due = match due {
        Reply::Int(0) => None,
        due => {
            let due = decoder.text(due)?.parse();
            Some(due.map_err(|_| decoder.unexpected("a time"))?)
        }
    };
    Ok(Round {
        settled,
        jobs,
        rate_limited: (ttl > 0).then(|| Duration::from_millis(ttl)),
        next_due,
    })
}
