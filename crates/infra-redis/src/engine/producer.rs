//! Turns jobs into the arguments of `add_jobs`, and sends them.

use serde::Serialize;

use super::clock;
use super::connection::{Args, Connection};
use super::error::{EngineError, OptionError, ScriptError};
use super::keys::{QueueId, QueueKeys};
use super::options::{JobOptions, ParentJob, millis};
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
    keys: QueueKeys,
    parent: Option<ParentJob>,
    id: Option<String>,
    name: String,
    data: String,
    options: String,
    timestamp: u64,
    /// One letter for each of the details, and for what needs none.
    flags: String,
    details: Vec<String>,
}

impl EncodedJob {
    /// Checks a job and turns it into arguments; nothing is sent.
    pub(crate) fn new<T: Serialize>(
        keys: &QueueKeys,
        name: &str,
        data: &T,
        options: &JobOptions,
        placement: Placement,
    ) -> Result<Self, EngineError> {
        options.check()?;
        let data = serde_json::to_string(data).map_err(EngineError::Data)?;
        options.check_size(name, data.len())?;
        let wire = serde_json::to_string(&options.to_wire()).map_err(EngineError::Data)?;
        let mut encoded = Self {
            keys: keys.clone(),
            parent: options.parent.clone(),
            id: options.id.as_ref().map(|id| id.as_str().to_owned()),
            name: name.to_owned(),
            data,
            options: wire,
            timestamp: options.timestamp.unwrap_or_else(clock::now),
            flags: String::new(),
            details: Vec::new(),
        };
        // In the order in which the script takes them.
        if !options.delay.is_zero() {
            encoded.detail('d', [millis(options.delay).to_string()]);
        }
        if options.priority > 0 {
            encoded.detail('p', [options.priority.to_string()]);
        }
        if let (Some(parent), Some(json)) = (&options.parent, options.parent_json()) {
            encoded.detail('c', [parent.key(), json.to_string()]);
        }
        if let Some(deduplication) = &options.deduplication {
            let ttl = deduplication.ttl.map(|ttl| millis(ttl).to_string());
            let details = [
                deduplication.id.clone(),
                ttl.unwrap_or_default(),
                deduplication.flags(),
            ];
            encoded.detail('u', details);
        }
        let flags = [
            (options.lifo, 'l'),
            (placement.waits_for_children, 'w'),
            (placement.is_in_flow, 'f'),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        encoded.flags.extend(set.map(|(_, letter)| letter));
        Ok(encoded)
    }

    fn detail<const N: usize>(&mut self, flag: char, details: [String; N]) {
        self.flags.push(flag);
        self.details.extend(details);
    }

    /// Refuses a job whose queue and parent a cluster could not reach in one step.
    pub(crate) fn check_slots(&self, connection: &Connection) -> Result<(), OptionError> {
        slot::check(connection, self.queues())
    }

    /// The queues that it touches: its own and that of its parent.
    fn queues(&self) -> impl Iterator<Item = &QueueId> {
        let parent = self.parent.as_ref().map(|parent| &parent.queue);
        std::iter::once(self.keys.queue()).chain(parent)
    }

    /// Whether there is nothing to tell of it but what every job has.
    fn is_plain(&self) -> bool {
        self.id.is_none() && self.flags.is_empty()
    }

    /// Gives the job an id that nobody chose, so it does not stand in the job's options.
    pub(crate) fn with_made_up_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// The job's arguments; the number of its queue only where it is another one than before.
    fn write(&self, args: &mut Args, queue: Option<usize>) {
        let other_queue = if queue.is_some() { "q" } else { "" };
        let own_id = if self.id.is_some() { "i" } else { "" };
        args.display(format_args!("{}{other_queue}{own_id}", self.flags));
        self.write_what_all_have(args);
        if let Some(number) = queue {
            args.display(number);
        }
        args.extend(&self.id);
        args.extend(&self.details);
    }

    fn write_what_all_have(&self, args: &mut Args) {
        args.extend([&self.name, &self.data, &self.options]);
        args.display(self.timestamp);
    }
}

/// The queues of some jobs, and how many are for each.
struct Targets<'a> {
    keys: Vec<&'a QueueKeys>,
    counts: Vec<usize>,
    /// For each job the number of its queue, from 0.
    of_jobs: Vec<usize>,
}

impl<'a> Targets<'a> {
    fn of(jobs: &'a [EncodedJob]) -> Self {
        let mut targets = Self {
            keys: Vec::new(),
            counts: Vec::new(),
            of_jobs: Vec::new(),
        };
        let mut may_be_refused = Vec::new();
        for job in jobs {
            let known = targets
                .keys
                .iter()
                .position(|keys| keys.queue() == job.keys.queue());
            let number = known.unwrap_or_else(|| {
                targets.keys.push(&job.keys);
                targets.counts.push(0);
                may_be_refused.push(false);
                targets.keys.len() - 1
            });
            targets.counts[number] += 1;
            may_be_refused[number] |= job.parent.is_some();
            targets.of_jobs.push(number);
        }
        // A job that is refused because its parent is missing does not move its queue's counter.
        for (count, may_be_refused) in targets.counts.iter_mut().zip(may_be_refused) {
            if may_be_refused {
                *count = 0;
            }
        }
        targets
    }
}

/// Adds jobs in one step, whichever queues they are for; for each its id, or why it could not be
/// added. One that could not be added keeps no other from it.
pub(crate) async fn add(
    connection: &Connection,
    jobs: &[EncodedJob],
) -> Result<Vec<Result<String, ScriptError>>, EngineError> {
    slot::check(connection, jobs.iter().flat_map(EncodedJob::queues))?;
    if let [job] = jobs
        && job.is_plain()
    {
        let queues = [&job.keys];
        let reply = ADD_JOBS.call_for(connection, &queues, |args| job.write_what_all_have(args));
        return decode_all(reply.await?, jobs);
    }
    let targets = Targets::of(jobs);
    let write_args = |args: &mut Args| {
        args.display(targets.keys.len());
        for (keys, count) in targets.keys.iter().zip(&targets.counts) {
            args.text(keys.base());
            args.display(count);
        }
        args.display(jobs.len());
        let mut current = 0;
        for (job, number) in jobs.iter().zip(&targets.of_jobs) {
            let is_other = *number != current;
            current = *number;
            job.write(args, is_other.then_some(current + 1));
        }
    };
    let reply = ADD_JOBS.call_for(connection, &targets.keys, write_args);
    decode_all(reply.await?, jobs)
}

fn decode_all(
    reply: Reply,
    jobs: &[EncodedJob],
) -> Result<Vec<Result<String, ScriptError>>, EngineError> {
    let results = Decoder("add_jobs").list(reply)?;
    if results.len() != jobs.len() {
        return Err(Decoder("add_jobs").unexpected("a result for each job"));
    }
    results.into_iter().zip(jobs).map(decode).collect()
}

fn decode((result, job): (Reply, &EncodedJob)) -> Result<Result<String, ScriptError>, EngineError> {
    let decoder = Decoder("add_jobs");
    let id = job.id.as_deref().unwrap_or_default();
    match result {
        Reply::Int(code) => {
            let parent = job.parent.as_ref().map(ParentJob::key);
            let parent = parent.unwrap_or_default();
            Ok(Err(ScriptError::from_add_code(code, id, &parent)))
        }
        Reply::List(mut error) => {
            let text = error.pop().ok_or_else(|| decoder.unexpected("a text"))?;
            Ok(Err(ScriptError::Faulty {
                id: id.to_owned(),
                operation: "addJob",
                reason: decoder.text(text)?,
            }))
        }
        other => decoder.text(other).map(Ok),
    }
}
