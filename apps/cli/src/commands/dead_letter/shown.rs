//! A letter as it is shown.

use domain::UnixMillis;
use domain::event::dead_letter::{DeadLetter, FailedAttempt};
use serde::Serialize;

use crate::output::{Facts, beginning, harmless};

/// A letter for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Letter {
    id: String,
    state: &'static str,
    queue: String,
    job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    class: &'static str,
    fingerprint: String,
    reason: String,
    attempts: u32,
    failed_at: UnixMillis,
    changed_at: UnixMillis,
    history: Vec<FailedAttempt>,
    payload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_payload: Option<String>,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let failure = letter.failure;
        let handler = failure.work.handler;
        Self {
            id: letter.id.to_string(),
            state: letter.state.as_str(),
            queue: failure.work.queue,
            job_id: failure.work.job,
            handler: (!handler.is_empty()).then_some(handler),
            kind: failure.kind,
            event_id: failure.event.map(|event| event.to_string()),
            class: failure.class.as_str(),
            fingerprint: letter.fingerprint,
            reason: failure.reason,
            attempts: failure.attempts,
            failed_at: failure.failed_at,
            changed_at: letter.changed_at,
            history: failure.history,
            payload: failure.payload,
            original_payload: letter.original_payload,
        }
    }
}

impl Letter {
    /// Above the columns of a list.
    pub(super) const HEADINGS: [&'static str; 7] = [
        "ID", "FAILED", "QUEUE", "TYPE", "HANDLER", "CLASS", "REASON",
    ];

    /// A row of a list.
    pub(super) fn cells(&self) -> [String; 7] {
        [
            self.id.clone(),
            self.failed_at.to_string(),
            self.queue.clone(),
            self.kind.clone(),
            self.handler.clone().unwrap_or_else(|| "-".to_owned()),
            self.class.to_owned(),
            beginning(&harmless(&self.reason), 60),
        ]
    }

    /// All of it.
    pub(super) fn facts(&self) -> String {
        let mut facts = Facts::new(format!("Dead letter {}, {}", self.id, self.state));
        facts.add("queue", &self.queue);
        facts.add("job", &self.job_id);
        facts.add_some("handler", self.handler.as_ref());
        facts.add("type", &self.kind);
        facts.add_some("event", self.event_id.as_ref());
        facts.add("class", &self.class);
        facts.add("fingerprint", &self.fingerprint);
        facts.add("reason", &self.reason);
        facts.add("attempts", &self.attempts);
        facts.add("failed", &self.failed_at);
        facts.add("changed", &self.changed_at);
        facts.add("payload", &self.payload);
        facts.add_some("before", self.original_payload.as_ref());
        let facts = facts.to_string();
        let mut lines = vec![facts.trim_end().to_owned()];
        for attempt in &self.history {
            let at = attempt.at.map(|at| format!(" at {at}")).unwrap_or_default();
            lines.push(format!("  attempt{at}"));
            let trace = attempt.trace.lines();
            lines.extend(trace.map(|line| format!("    {}", harmless(line))));
        }
        lines.join("\n")
    }
}
