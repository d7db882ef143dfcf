//! A job, as it stands in Valkey and as a processor gets it.

use std::collections::HashMap;

use super::error::EngineError;
use super::number;
use super::options::WorkOptions;
use super::reply::{Decoder, Reply};

/// A stored job.
///
/// ```
/// use infra_redis::engine::Job;
///
/// /// How long the last attempt took, in milliseconds.
/// fn duration(job: &Job) -> Option<u64> {
///     job.finished_on?.checked_sub(job.processed_on?)
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Identifies the job within its queue.
    pub id: String,
    /// The kind of job.
    pub name: String,
    /// What it works on, as JSON.
    pub data: String,
    /// What it was added with, as JSON under BullMQ's short names.
    pub options: String,
    /// When it was added, in Unix milliseconds.
    pub timestamp: u64,
    /// How long it waits before it may start, in milliseconds: since it was added, its last attempt
    /// failed, or its delay was changed. 0 once it is due.
    pub delay: u64,
    /// Its priority, 0 being none. This and `delay` may differ from what the options say, which
    /// don't change.
    pub priority: u32,
    /// How far it is, as JSON in any form.
    pub progress: Option<String>,
    /// The key of the job it is a child of.
    pub parent_key: Option<String>,
    /// The job scheduler that made it.
    pub scheduler_id: Option<String>,
    /// The deduplication id it was added under.
    pub deduplication_id: Option<String>,
    /// The reason with which its next attempt fails without being made.
    pub deferred_failure: Option<String>,
    /// The name of the worker that took it last, if that has one.
    pub processed_by: Option<String>,
    /// Attempts that ended.
    pub attempts_made: u32,
    /// Attempts that were started.
    pub attempts_started: u32,
    /// How often its worker was lost.
    pub stalls: u32,
    /// When its last attempt started, in Unix milliseconds.
    pub processed_on: Option<u64>,
    /// When it completed or failed for good, in Unix milliseconds.
    pub finished_on: Option<u64>,
    /// What it returned, as JSON.
    pub return_value: Option<String>,
    /// Why its last attempt failed.
    pub failed_reason: Option<String>,
    /// A trace of each failed attempt, oldest first, as a JSON array.
    pub stack_traces: Option<String>,
}

impl Job {
    pub(crate) fn from_fields(id: &str, reply: Reply) -> Result<Option<Self>, EngineError> {
        let fields = Decoder("HGETALL").texts(reply)?;
        if fields.is_empty() {
            return Ok(None);
        }
        let mut fields: HashMap<_, _> = fields
            .chunks_exact(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect();
        Ok(Some(Self {
            id: id.to_owned(),
            name: fields.remove("name").unwrap_or_default(),
            data: fields.remove("data").unwrap_or_else(|| "{}".to_owned()),
            options: fields.remove("opts").unwrap_or_else(|| "{}".to_owned()),
            timestamp: number(fields.get("timestamp")).unwrap_or_default(),
            delay: number(fields.get("delay")).unwrap_or_default(),
            priority: number(fields.get("priority")).unwrap_or_default(),
            progress: fields.remove("progress"),
            parent_key: fields.remove("parentKey"),
            scheduler_id: fields.remove("rjk"),
            deduplication_id: fields.remove("deid"),
            deferred_failure: fields.remove("defa"),
            processed_by: fields.remove("pb"),
            attempts_made: number(fields.get("atm")).unwrap_or_default(),
            attempts_started: number(fields.get("ats")).unwrap_or_default(),
            stalls: number(fields.get("stc")).unwrap_or_default(),
            processed_on: number(fields.get("processedOn")),
            finished_on: number(fields.get("finishedOn")),
            return_value: fields.remove("returnvalue"),
            failed_reason: fields.remove("failedReason"),
            stack_traces: fields.remove("stacktrace"),
        }))
    }
}

/// A job that a worker claimed, as its processor gets it.
///
/// ```
/// use infra_redis::engine::Claimed;
///
/// fn greeting(job: &Claimed<String>) -> String {
///     format!("{} (attempt {})", job.data, job.attempt)
/// }
/// # let job = Claimed {
/// #     id: "17".to_owned(),
/// #     name: "greet".to_owned(),
/// #     data: "Good morning".to_owned(),
/// #     attempt: 2,
/// #     timestamp: 1_795_507_964_676,
/// #     options: "{}".to_owned(),
/// # };
/// assert_eq!(greeting(&job), "Good morning (attempt 2)");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed<T> {
    /// Identifies the job within its queue.
    pub id: String,
    /// The kind of job.
    pub name: String,
    /// What it works on.
    pub data: T,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was added, in Unix milliseconds.
    pub timestamp: u64,
    /// What it was added with, as JSON under BullMQ's short names.
    pub options: String,
}

/// A job as the fetch returns it, with what the worker needs to settle it.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) name: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) options: Result<WorkOptions, String>,
    pub(crate) options_json: Option<String>,
    pub(crate) timestamp: u64,
    pub(crate) attempts_made: u32,
    pub(crate) stack_traces: Vec<String>,
    pub(crate) deferred_failure: Option<String>,
    pub(crate) scheduler: Option<String>,
}

/// How much `settle_and_fetch` returns of a job: `JOB_FIELDS` there, its id and its token.
const FIELDS: usize = 11;

impl Fetched {
    /// Decodes the next job of those that `settle_and_fetch` returns.
    pub(crate) fn decode(
        decoder: Decoder,
        items: &mut impl Iterator<Item = Reply>,
    ) -> Result<Self, EngineError> {
        let fields = Reply::List(items.take(FIELDS).collect());
        let fields = decoder.array::<FIELDS>(fields)?;
        let [
            name,
            data,
            options,
            timestamp,
            _started,
            made,
            traces,
            defa,
            scheduler,
            id,
            token,
        ] = fields.map(|field| decoder.optional_text(field));
        let options_json = options?;
        let options = options_json.as_deref().map_or_else(
            || Ok(WorkOptions::default()),
            |json| serde_json::from_str(json).map_err(|error| error.to_string()),
        );
        Ok(Self {
            id: id?.ok_or_else(|| decoder.unexpected("an id"))?,
            token: token?.ok_or_else(|| decoder.unexpected("a token"))?,
            name: name?,
            data: data?,
            options,
            options_json,
            timestamp: number(timestamp?.as_ref()).unwrap_or_default(),
            // Another client may have written any number, and the next attempt has one, too.
            attempts_made: number::<u32>(made?.as_ref())
                .unwrap_or_default()
                .min(u32::MAX - 1),
            // A trace that is not JSON is lost rather than the job.
            stack_traces: traces?
                .and_then(|json| serde_json::from_str(&json).ok())
                .unwrap_or_default(),
            deferred_failure: defa?,
            scheduler: scheduler?,
        })
    }
}

fn number<N: TryFrom<u64>>(text: Option<&String>) -> Option<N> {
    N::try_from(number::parse(text?)?).ok()
}
