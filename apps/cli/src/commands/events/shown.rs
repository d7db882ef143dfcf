//! An event as it is shown: under BullMQ's names.

use infra_redis::engine::{QueueEvent, RecordedEvent};
use serde_json::{Map, Value, json};

use crate::output::harmless;

/// An event as one JSON object.
pub(super) fn to_json(recorded: &RecordedEvent) -> Value {
    let (name, fields) = parts(&recorded.event);
    let mut object = Map::new();
    // What an application's own event carries may not pass for these.
    object.extend(fields);
    object.insert("cursor".to_owned(), recorded.cursor.to_string().into());
    object.insert("event".to_owned(), name.into());
    Value::Object(object)
}

/// An event as one line.
pub(super) fn to_text(recorded: &RecordedEvent) -> String {
    let (name, fields) = parts(&recorded.event);
    let mut line = format!("{}  {name:<17}", recorded.cursor);
    for (field, value) in &fields {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        line.push_str("  ");
        if field != "jobId" {
            line.push_str(field);
            line.push('=');
        }
        line.push_str(&value);
    }
    harmless(line.trim_end())
}

type Fields = Vec<(String, Value)>;

/// The name of an event, and what it carries; absent fields are left out.
fn parts(event: &QueueEvent) -> (String, Fields) {
    let (name, fields) = match event {
        QueueEvent::Added { job_id, name } => ("added", json!([["jobId", job_id], ["name", name]])),
        QueueEvent::Waiting { job_id, previous } => moved("waiting", job_id, previous.as_ref()),
        QueueEvent::Active { job_id, previous } => moved("active", job_id, previous.as_ref()),
        QueueEvent::WaitingChildren { job_id, previous } => {
            moved("waiting-children", job_id, previous.as_ref())
        }
        QueueEvent::Removed { job_id, previous } => moved("removed", job_id, previous.as_ref()),
        QueueEvent::Delayed { job_id, due } => {
            ("delayed", json!([["jobId", job_id], ["delay", due]]))
        }
        QueueEvent::Progress { job_id, data } => (
            "progress",
            json!([["jobId", job_id], ["data", parsed(data)]]),
        ),
        QueueEvent::Completed {
            job_id,
            return_value,
            previous,
        } => (
            "completed",
            json!([
                ["jobId", job_id],
                ["returnvalue", parsed(return_value)],
                ["prev", previous]
            ]),
        ),
        QueueEvent::Failed {
            job_id,
            reason,
            previous,
        } => (
            "failed",
            json!([
                ["jobId", job_id],
                ["failedReason", reason],
                ["prev", previous]
            ]),
        ),
        QueueEvent::RetriesExhausted {
            job_id,
            attempts_made,
        } => (
            "retries-exhausted",
            json!([["jobId", job_id], ["attemptsMade", attempts_made]]),
        ),
        QueueEvent::Stalled { job_id } => ("stalled", json!([["jobId", job_id]])),
        QueueEvent::Duplicated { job_id } => ("duplicated", json!([["jobId", job_id]])),
        QueueEvent::Deduplicated {
            job_id,
            deduplication_id,
            deduplicated_job_id,
        } => (
            "deduplicated",
            json!([
                ["jobId", job_id],
                ["deduplicationId", deduplication_id],
                ["deduplicatedJobId", deduplicated_job_id]
            ]),
        ),
        QueueEvent::Debounced {
            job_id,
            debounce_id,
        } => (
            "debounced",
            json!([["jobId", job_id], ["debounceId", debounce_id]]),
        ),
        QueueEvent::Drained => ("drained", json!([])),
        QueueEvent::Paused => ("paused", json!([])),
        QueueEvent::Resumed => ("resumed", json!([])),
        QueueEvent::Cleaned { count } => ("cleaned", json!([["count", count]])),
        QueueEvent::Gap { next } => {
            let next = next.map(|cursor| cursor.to_string());
            ("gap", json!([["next", next]]))
        }
        QueueEvent::Custom { name, fields } => (name.as_str(), json!(fields)),
        QueueEvent::Unknown { fields } => ("unknown", json!(fields)),
        // An event of a later release of the engine.
        _ => ("unknown", json!([])),
    };
    (name.to_owned(), pairs(fields))
}

fn moved<'a>(name: &'a str, job_id: &str, previous: Option<&String>) -> (&'a str, Value) {
    (name, json!([["jobId", job_id], ["prev", previous]]))
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}

fn pairs(fields: Value) -> Fields {
    let Value::Array(fields) = fields else {
        return Vec::new();
    };
    let pair = |field: Value| match field {
        Value::Array(mut pair) if pair.len() == 2 => {
            let (value, name) = (pair.pop()?, pair.pop()?);
            let name = name.as_str()?.to_owned();
            let is_absent = value.is_null() && (name == "prev" || name == "next");
            (!is_absent).then_some((name, value))
        }
        _ => None,
    };
    fields.into_iter().filter_map(pair).collect()
}
