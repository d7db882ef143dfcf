//! A tree of jobs as it is written in JSON, with BullMQ's names.

use std::time::Duration;

use infra_redis::engine::{
    Backoff, ChildFailure, Deduplication, Flow, JobId, JobOptions, Keep, ParentJob, QueueId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::Server;

/// A job and those it waits for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    #[serde(alias = "queueName")]
    queue: String,
    #[serde(default)]
    prefix: Option<String>,
    name: String,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    opts: Options,
    #[serde(default)]
    children: Vec<Node>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "as BullMQ has them")]
struct Options {
    job_id: Option<String>,
    attempts: u32,
    backoff: Option<Backoff>,
    delay: u64,
    priority: u32,
    lifo: bool,
    remove_on_complete: Option<Removal>,
    remove_on_fail: Option<Removal>,
    keep_logs: Option<u32>,
    stack_trace_limit: Option<u32>,
    size_limit: Option<usize>,
    timestamp: Option<u64>,
    parent: Option<Parent>,
    deduplication: Option<DeduplicationOptions>,
    fail_parent_on_failure: bool,
    continue_parent_on_failure: bool,
    ignore_dependency_on_failure: bool,
    remove_dependency_on_failure: bool,
}

/// Which finished jobs are removed.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Removal {
    All(bool),
    AllBut(u32),
    #[serde(rename_all = "camelCase")]
    Old {
        /// In seconds.
        age: u64,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        limit: Option<u32>,
    },
    Surplus {
        count: u32,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parent {
    id: String,
    /// With its prefix, as in BullMQ, or without.
    queue: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "as BullMQ has them")]
struct DeduplicationOptions {
    id: String,
    #[serde(default)]
    ttl: Option<u64>,
    #[serde(default)]
    extend: bool,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    keep_last_if_active: bool,
    #[serde(default)]
    reschedule: bool,
}

impl Node {
    /// The flow of the engine.
    pub(super) fn into_flow(self, server: &Server) -> anyhow::Result<Flow> {
        let prefix = self.prefix.as_deref().unwrap_or_else(|| server.prefix());
        let queue = QueueId::parse(prefix, &self.queue)?;
        let data = self.data.unwrap_or_else(|| json!({}));
        let options = self.opts.into_options(server)?;
        let mut flow = Flow::new(queue, self.name, data).with_options(options);
        for child in self.children {
            flow.children.push(child.into_flow(server)?);
        }
        Ok(flow)
    }
}

impl Options {
    fn into_options(self, server: &Server) -> anyhow::Result<JobOptions> {
        let on_failure = self.on_failure()?;
        let parent = self.parent.map(|parent| parent.into_parent(server));
        Ok(JobOptions {
            id: self.job_id.as_deref().map(JobId::parse).transpose()?,
            attempts: self.attempts,
            backoff: self.backoff,
            delay: Duration::from_millis(self.delay),
            priority: self.priority,
            lifo: self.lifo,
            keep_completed: self.remove_on_complete.map(Keep::from),
            keep_failed: self.remove_on_fail.map(Keep::from),
            keep_logs: self.keep_logs,
            stack_trace_limit: self.stack_trace_limit,
            size_limit: self.size_limit,
            timestamp: self.timestamp,
            parent: parent.transpose()?,
            on_failure,
            deduplication: self.deduplication.map(Deduplication::from),
            ..JobOptions::default()
        })
    }

    fn on_failure(&self) -> anyhow::Result<ChildFailure> {
        let policies = [
            (self.fail_parent_on_failure, ChildFailure::FailParent),
            (
                self.continue_parent_on_failure,
                ChildFailure::ContinueParent,
            ),
            (self.ignore_dependency_on_failure, ChildFailure::Ignore),
            (self.remove_dependency_on_failure, ChildFailure::Remove),
        ];
        let mut chosen = policies.into_iter().filter(|(is_set, _)| *is_set);
        let policy = chosen
            .next()
            .map_or(ChildFailure::Hold, |(_, policy)| policy);
        anyhow::ensure!(
            chosen.next().is_none(),
            "The following options cannot be used together: failParentOnFailure, \
             continueParentOnFailure, ignoreDependencyOnFailure, removeDependencyOnFailure"
        );
        Ok(policy)
    }
}

impl Parent {
    fn into_parent(self, server: &Server) -> anyhow::Result<ParentJob> {
        let queue = match self.queue.rsplit_once(':') {
            Some((prefix, name)) => QueueId::parse(prefix, name)?,
            None => server.id(&self.queue)?,
        };
        Ok(ParentJob { queue, id: self.id })
    }
}

impl From<Removal> for Keep {
    fn from(removal: Removal) -> Self {
        match removal {
            Removal::All(true) => Self::None,
            Removal::All(false) => Self::All,
            Removal::AllBut(count) | Removal::Surplus { count } => Self::Newest(count),
            Removal::Old { age, count, limit } => Self::Young {
                age: Duration::from_secs(age),
                count,
                limit,
            },
        }
    }
}

impl From<DeduplicationOptions> for Deduplication {
    fn from(options: DeduplicationOptions) -> Self {
        Self {
            id: options.id,
            ttl: options.ttl.map(Duration::from_millis),
            extend: options.extend,
            replace: options.replace,
            keep_last_if_active: options.keep_last_if_active,
            reschedule: options.reschedule,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use testkit::hostile::withstands;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        server: Server,
    }

    #[test]
    fn any_document_is_a_flow_or_is_refused() {
        let command = Command::try_parse_from(["bellwether"]).unwrap();
        withstands("flow", |bytes| {
            let Ok(node) = serde_json::from_slice::<Node>(bytes) else {
                return;
            };
            let children = node.children.len();
            if let Ok(flow) = node.into_flow(&command.server) {
                assert_eq!(flow.children.len(), children);
            }
        });
    }
}
