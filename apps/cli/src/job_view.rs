//! A job as it is shown: the properties that BullMQ's own clients give it, with their names.

use std::time::Duration;

use infra_redis::engine::{Job, JobState};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::output::{Facts, duration, time};

/// A job as programs get it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    pub(crate) id: String,
    pub(crate) queue: String,
    pub(crate) name: String,
    /// Absent if it is in none.
    pub(crate) state: Option<&'static str>,
    pub(crate) data: Box<RawValue>,
    pub(crate) opts: Box<RawValue>,
    pub(crate) timestamp: u64,
    pub(crate) delay: u64,
    pub(crate) priority: u32,
    pub(crate) attempts_made: u32,
    pub(crate) attempts_started: u32,
    pub(crate) stalled_counter: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processed_on: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_on: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "returnvalue")]
    pub(crate) return_value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failed_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "stacktrace")]
    pub(crate) stack_traces: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "repeatJobKey")]
    pub(crate) scheduler_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deduplication_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deferred_failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processed_by: Option<String>,
}

impl JobView {
    /// A job of this queue, in this state.
    pub(crate) fn new(queue: &str, job: Job, state: Option<JobState>) -> Self {
        Self {
            id: job.id,
            queue: queue.to_owned(),
            name: job.name,
            state: state.map(JobState::as_str),
            data: json_or_text(&job.data),
            opts: json_or_text(&job.options),
            timestamp: job.timestamp,
            delay: job.delay,
            priority: job.priority,
            attempts_made: job.attempts_made,
            attempts_started: job.attempts_started,
            stalled_counter: job.stalls,
            progress: job.progress.as_deref().map(json_or_text),
            processed_on: job.processed_on,
            finished_on: job.finished_on,
            return_value: job.return_value.as_deref().map(json_or_text),
            failed_reason: job.failed_reason,
            stack_traces: job.stack_traces.as_deref().map(json_or_text),
            parent_key: job.parent_key,
            scheduler_id: job.scheduler_id,
            deduplication_id: job.deduplication_id,
            deferred_failure: job.deferred_failure,
            processed_by: job.processed_by,
        }
    }

    /// The state's name, for people.
    pub(crate) fn state_or_none(&self) -> &'static str {
        self.state.unwrap_or("in no state")
    }

    /// What is known about the job, for people.
    pub(crate) fn facts(&self) -> Facts {
        let more_than_none = |number: u32| (number > 0).then_some(number);
        let mut facts = Facts::new(format!("Job {} of {}", self.id, self.queue));
        facts.add("name", &self.name);
        facts.add("state", &self.state_or_none());
        facts.add("data", &self.data);
        facts.add("options", &self.opts);
        facts.add("added", &time(self.timestamp));
        if self.delay > 0 {
            facts.add("delay", &duration(Duration::from_millis(self.delay)));
        }
        facts.add_some("priority", more_than_none(self.priority));
        facts.add("attempts made", &self.attempts_made);
        facts.add_some("stalls", more_than_none(self.stalled_counter));
        facts.add_some("progress", self.progress.as_ref());
        facts.add_some("started", self.processed_on.map(time));
        facts.add_some("finished", self.finished_on.map(time));
        facts.add_some("returned", self.return_value.as_ref());
        facts.add_some("failed because", self.failed_reason.as_ref());
        facts.add_some("will fail because", self.deferred_failure.as_ref());
        facts.add_some("parent", self.parent_key.as_ref());
        facts.add_some("scheduler", self.scheduler_id.as_ref());
        facts.add_some("deduplication", self.deduplication_id.as_ref());
        facts.add_some("worker", self.processed_by.as_ref());
        facts
    }
}

/// JSON as it is written; what is not JSON, as other programs may have stored, as a text.
pub(crate) fn json_or_text(stored: &str) -> Box<RawValue> {
    // Line breaks stand only between the parts of JSON, and an answer is one line.
    let one_line = stored.replace(['\n', '\r'], " ");
    RawValue::from_string(one_line)
        .or_else(|_| to_raw_value(stored))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_passed_on_as_it_is_written() {
        let shown = |text: &str| json_or_text(text).get().to_owned();
        assert_eq!(shown("12345678901234567890.50"), "12345678901234567890.50");
        assert_eq!(shown("{\n\"a\": 1}"), "{ \"a\": 1}");
        assert_eq!(shown("half {"), "\"half {\"");
    }
}
