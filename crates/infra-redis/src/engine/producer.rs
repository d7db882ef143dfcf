//! Turns jobs into the arguments of `add_jobs`, and sends them.

use serde::Serialize;

use super::clock;
use super::connection::Connection;
use super::error::{EngineError, ScriptError};
use super::keys::{QueueId, QueueKeys};
use super::options::{NewJob, millis};
use super::reply::{Decoder, Reply};
use super::scripts::ADD_JOBS;
use super::slot;

/// How a job is added besides what its options say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Placement {
    /// Whether it waits for children that are added with it.
    pub(crate) waits_for_children: bool,
    /// Whether it is part of a flow.
    pub(crate) is_in_flow: bool,
}

/// A job as the script takes it.
#[derive(Debug, Clone)]
pub(crate) struct EncodedJob {
    queue: QueueId,
    parent_queue: Option<QueueId>,
    parent: String,
    args: [String; 13],
}

impl EncodedJob {
    /// Checks a job and turns it into arguments; nothing is sent.
    pub(crate) fn new<T: Serialize>(
        queue: &QueueId,
        job: &NewJob<'_, T>,
        placement: Placement,
    ) -> Result<Self, EngineError> {
        let options = &job.options;
        options.check()?;
        let data = serde_json::to_string(&job.data).map_err(EngineError::Data)?;
        options.check_size(job.name, data.len())?;
        let wire = options.to_wire();
        let parent_json = options.parent_json().map(|json| json.to_string());
        let parent = options
            .parent
            .as_ref()
            .map_or_else(String::new, super::options::ParentJob::key);
        let deduplication = options.deduplication.as_ref();
        let flags = [
            (options.lifo, 'l'),
            (placement.waits_for_children, 'w'),
            (placement.is_in_flow, 'f'),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(is_set, letter)| is_set.then_some(letter));
        let id = options
            .id
            .as_ref()
            .map_or_else(String::new, |id| id.as_str().to_owned());
        let wire = serde_json::to_string(&wire).map_err(EngineError::Data)?;
        let ttl = deduplication.and_then(|deduplication| deduplication.ttl);
        Ok(Self {
            queue: queue.clone(),
            parent_queue: options.parent.as_ref().map(|parent| parent.queue.clone()),
            parent: parent.clone(),
            args: [
                id,
                job.name.to_owned(),
                data,
                wire,
                options.timestamp.unwrap_or_else(clock::now).to_string(),
                millis(options.delay).to_string(),
                options.priority.to_string(),
                flags.collect(),
                parent,
                parent_json.unwrap_or_default(),
                deduplication.map_or_else(String::new, |deduplication| deduplication.id.clone()),
                ttl.map_or_else(String::new, |ttl| millis(ttl).to_string()),
                deduplication.map_or_else(String::new, super::options::Deduplication::flags),
            ],
        })
    }

    /// Gives the job an id that nobody chose, so it does not stand in the job's options.
    pub(crate) fn with_made_up_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.args[0]);
        self
    }
}

/// Adds jobs in one step, whichever queues they are for; for each its id, or why it could not be
/// added. One that could not be added keeps no other from it.
pub(crate) async fn add(
    connection: &Connection,
    jobs: &[EncodedJob],
) -> Result<Vec<Result<String, ScriptError>>, EngineError> {
    let touched = jobs
        .iter()
        .flat_map(|job| std::iter::once(&job.queue).chain(&job.parent_queue));
    slot::check(connection, touched)?;
    let mut queues: Vec<&QueueId> = Vec::new();
    let mut numbers = Vec::with_capacity(jobs.len());
    for job in jobs {
        let known = queues.iter().position(|queue| **queue == job.queue);
        numbers.push(known.unwrap_or(queues.len()) + 1);
        if known.is_none() {
            queues.push(&job.queue);
        }
    }
    let keys: Vec<_> = queues.into_iter().map(QueueKeys::new).collect();
    let mut args = vec![keys.len().to_string()];
    args.extend(keys.iter().map(|keys| keys.base().to_owned()));
    args.push(jobs.len().to_string());
    for (job, number) in jobs.iter().zip(numbers) {
        args.push(number.to_string());
        args.extend(job.args.iter().cloned());
    }
    let keys: Vec<_> = keys.iter().collect();
    let reply = ADD_JOBS.call_for(connection, &keys, args).await?;
    let results = Decoder("add_jobs").list(reply)?;
    if results.len() != jobs.len() {
        return Err(Decoder("add_jobs").unexpected("a result for each job"));
    }
    let result = |(result, job): (Reply, &EncodedJob)| match result {
        Reply::Int(code) => Ok(Err(ScriptError::from_add_code(
            code,
            &job.args[0],
            &job.parent,
        ))),
        other => Decoder("add_jobs").text(other).map(Ok),
    };
    results.into_iter().zip(jobs).map(result).collect()
}
