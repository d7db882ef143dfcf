//! What keeps a series going: each iteration adds the next one, and what got lost is added again.

use tracing::{error, warn};

use super::wire::{Iteration, Recurrence, Scheduler, number, parse_template};
use crate::engine::clock;
use crate::engine::connection::Connection;
use crate::engine::error::EngineError;
use crate::engine::job::Fetched;
use crate::engine::keys::{QueueKeys, Suffix};
use crate::engine::options::WireOptions;
use crate::engine::reply::{Decoder, Reply};
use crate::engine::scripts::{CONTINUE_SCHEDULER, LOST_SCHEDULERS, SCHEDULERS};

/// How many schedulers one call looks at, so that it never blocks the server for long.
const PAGE: u64 = 100;

/// How many schedulers are looked at in one go. Of more than that, others have their turn the next
/// time.
const MAX_LOOKED_AT: u64 = 1000;

/// Why an iteration is added, as the script takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The latest one begins.
    Next,
    /// The latest one is gone and its time has passed, or it ended and added none.
    Lost,
    /// The latest one is gone before its time.
    Missing,
}

/// Adds the next iteration of the scheduler whose job a worker has just taken; nothing if the job is
/// not of the latest iteration, or of none.
///
/// Until this succeeds the job must not be worked: it would take the rest of the series with it.
pub(crate) async fn produce_next(
    connection: &Connection,
    keys: &QueueKeys,
    job: &Fetched,
) -> Result<(), EngineError> {
    let Some(scheduler) = &job.scheduler else {
        return Ok(());
    };
    let now = clock::now();
    let of_job = job.options_json.as_deref().and_then(|json| {
        let options = serde_json::from_str::<WireOptions>(json).ok()?;
        Some((Recurrence::of_job(&options)?, options))
    });
    let (recurrence, options, made) = if let Some((recurrence, options)) = of_job {
        let made = recurrence.count().unwrap_or(0);
        (recurrence, options, made)
    } else {
        // Options that can't be read must not end the series with the one job.
        let Some(stored) = read(connection, keys, scheduler).await? else {
            return Ok(());
        };
        let Some((recurrence, options)) = template_of(&stored) else {
            return Ok(());
        };
        (recurrence, options, stored.iterations.unwrap_or(0))
    };
    let previous = previous_time(&job.id, &options);
    let next = Next {
        scheduler,
        latest: &job.id,
        why: Why::Next,
        previous,
        count: following(made),
        legacy: (job.name.as_deref(), job.data.as_deref()),
    };
    next.add(connection, keys, &recurrence, options, now)
        .await
        .map(drop)
}

/// Adds the next iterations of schedulers whose job ahead is gone: it was lost, or worked by a
/// client that knows nothing of schedulers. Returns the ids of the jobs it added.
///
/// Looks at no more than a thousand schedulers.
pub(crate) async fn rearm(
    connection: &Connection,
    keys: &QueueKeys,
    now: u64,
) -> Result<Vec<String>, EngineError> {
    let decoder = Decoder("lost_schedulers");
    let card = connection.command("ZCARD", vec![keys.of(Suffix::Repeat)]);
    let total = decoder.count(&card.await?)?;
    let pages = total.div_ceil(PAGE);
    let turns = pages.min(MAX_LOOKED_AT / PAGE);
    // Each second another page is the first.
    let first = if turns < pages { now / 1000 % pages } else { 0 };
    let mut added = Vec::new();
    for turn in 0..turns {
        let from = (first + turn) % pages * PAGE;
        let args = [from.to_string(), (from + PAGE - 1).to_string()];
        let reply = LOST_SCHEDULERS.call(connection, keys, args).await?;
        for lost in decoder.list(reply)?.into_iter().skip(1) {
            added.extend(rearm_one(connection, keys, lost, now).await?);
        }
    }
    Ok(added)
}

async fn rearm_one(
    connection: &Connection,
    keys: &QueueKeys,
    lost: Reply,
    now: u64,
) -> Result<Option<String>, EngineError> {
    let decoder = Decoder("lost_schedulers");
    let [id, previous, latest_opts, fields] = decoder.array::<4>(lost)?;
    let (id, previous) = (decoder.text(id)?, decoder.count(&previous)?);
    let Some(stored) = Scheduler::decode(id, previous, decoder.texts(fields)?) else {
        return Ok(None);
    };
    // What a repeatable job of 5.x works on stood in the lost job alone.
    let (Some(iterations), Some((recurrence, options))) = (stored.iterations, template_of(&stored))
    else {
        return Ok(None);
    };
    let latest_opts = decoder.optional_text(latest_opts)?;
    let why = match &latest_opts {
        None if previous > now => Why::Missing,
        _ => Why::Lost,
    };
    // A scheduler that was changed counts its jobs anew, but not its iterations.
    let made = latest_opts
        .and_then(|opts| serde_json::from_str::<WireOptions>(&opts).ok())
        .and_then(|options| Recurrence::of_job(&options)?.count())
        .unwrap_or(iterations);
    let next = Next {
        scheduler: &stored.id,
        latest: &format!("repeat:{}:{previous}", stored.id),
        why,
        previous: Some(previous),
        count: if why == Why::Missing {
            made
        } else {
            following(made)
        },
        legacy: (None, None),
    };
    let added = next
        .add(connection, keys, &recurrence, options, now)
        .await?;
    if let Some(job) = &added {
        warn!(job.id = %job, "Scheduler {} had lost its job; {job} continues the series", stored.id);
    }
    Ok(added)
}

/// An iteration to be added.
struct Next<'a> {
    scheduler: &'a str,
    /// The id of the latest iteration's job.
    latest: &'a str,
    why: Why,
    /// When that was due.
    previous: Option<u64>,
    /// Which one this is, from 1.
    count: u64,
    /// Name and data for a scheduler of 5.x.
    legacy: (Option<&'a str>, Option<&'a str>),
}

impl Next<'_> {
    /// The id of the job that was added; absent if the series is over, or another worker was first.
    async fn add(
        self,
        connection: &Connection,
        keys: &QueueKeys,
        recurrence: &Recurrence,
        options: WireOptions,
        now: u64,
    ) -> Result<Option<String>, EngineError> {
        if recurrence.is_exhausted_by(self.count) || recurrence.is_over(now) {
            return Ok(None);
        }
        let cron = match recurrence.cron() {
            Ok(cron) => cron,
            Err(unreadable) => {
                error!(
                    job.id = self.latest,
                    "The series of scheduler {} ends with job {}: {unreadable}",
                    self.scheduler,
                    self.latest
                );
                return Ok(None);
            }
        };
        let at = match (&cron, self.why) {
            (Some(_), Why::Missing) => self.previous,
            (Some(cron), _) => {
                let from = now.max(self.previous.unwrap_or(0));
                let next = cron.next_after(recurrence.not_before_start(from));
                match next.filter(|next| !recurrence.is_over(*next)) {
                    None => return Ok(None),
                    next => next,
                }
            }
            (None, _) => None,
        };
        let every = if cron.is_none() {
            recurrence.every()
        } else {
            None
        };
        let text = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
        let (priority, lifo) = (options.priority.unwrap_or(0), options.lifo == Some(true));
        let iteration = Iteration {
            recurrence,
            count: self.count,
            options,
        };
        let why = match self.why {
            Why::Next => "next",
            Why::Lost => "lost",
            Why::Missing => "missing",
        };
        let args = [
            self.scheduler.to_owned(),
            now.to_string(),
            self.latest.to_owned(),
            why.to_owned(),
            text(at),
            text(every),
            iteration.opts(self.scheduler, now)?,
            priority.to_string(),
            if lifo { "l" } else { "" }.to_owned(),
            self.legacy.0.unwrap_or(self.scheduler).to_owned(),
            self.legacy.1.unwrap_or("{}").to_owned(),
        ];
        let reply = CONTINUE_SCHEDULER.call(connection, keys, args).await?;
        let id = Decoder("continue_scheduler").text(reply)?;
        Ok(Some(id).filter(|id| !id.is_empty()))
    }
}

/// The number of the iteration after this one.
pub(super) fn following(count: u64) -> u64 {
    // Another client may have written any number.
    count.saturating_add(1)
}

/// How the scheduler recurs and what its jobs are added with; absent, with an error logged, if that
/// can't be read.
pub(super) fn template_of(stored: &Scheduler) -> Option<(Recurrence, WireOptions)> {
    let recurrence = Recurrence::of_scheduler(stored);
    match (recurrence, parse_template(stored.options.as_deref())) {
        (Some(recurrence), Ok(options)) => Some((recurrence, options)),
        (recurrence, options) => {
            let reason = match (recurrence, options) {
                (_, Err(error)) => error.to_string(),
                _ => "it has neither a pattern nor an interval".to_owned(),
            };
            error!(
                "The series of scheduler {} can't go on: {reason}",
                stored.id
            );
            None
        }
    }
}

/// When the job was due, which its options say, or the end of its id.
fn previous_time(id: &str, options: &WireOptions) -> Option<u64> {
    let told = options.others.get("prevMillis").and_then(number);
    told.or_else(|| id.rsplit_once(':')?.1.parse().ok())
}

async fn read(
    connection: &Connection,
    keys: &QueueKeys,
    id: &str,
) -> Result<Option<Scheduler>, EngineError> {
    let decoder = Decoder("schedulers");
    let reply = SCHEDULERS.call(connection, keys, [String::new(), id.to_owned()]);
    let Some(found) = decoder.list(reply.await?)?.into_iter().next() else {
        return Ok(None);
    };
    let [id, next, fields] = decoder.array::<3>(found)?;
    Ok(Scheduler::decode(
        decoder.text(id)?,
        decoder.count(&next)?,
        decoder.texts(fields)?,
    ))
}
