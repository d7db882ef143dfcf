//! The Lua scripts: what each is made of, and how it is called.
//!
//! A script names its queue's keys as they are named in Valkey, and makes them from the prefix that
//! it is given first; those that are called for every job take it from the key that routes the call,
//! since each argument costs both sides. Only that key is passed as a key: a flow reaches queues that
//! are known from its jobs alone, and all of them share a hash tag with it.

use std::sync::LazyLock;

use fred::util::sha1_hash;

use super::connection::{Args, Connection};
use super::error::EngineError;
use super::keys::QueueKeys;
use super::reply::Reply;

/// A script, ready to be called.
pub(crate) struct Script {
    name: &'static str,
    source: &'static str,
    sha: LazyLock<String>,
}

/// The text of a fragment, or of fragments that belong together.
macro_rules! fragment {
    // What stores a job and makes it ready or delayed.
    (storing) => {
        concat!(
            fragment!("enqueue"),
            fragment!("drop_job"),
            fragment!("store")
        )
    };
    // Adding a job from a script that is about something else.
    (adding) => {
        concat!(
            fragment!("settings"),
            fragment!("wake"),
            fragment!("store_fields"),
            fragment!(storing)
        )
    };
    // What a job's end means to its parent.
    (family) => {
        concat!(fragment!("job_key"), fragment!("parent"))
    };
    // Taking a job away from all that refers to it.
    (removing) => {
        concat!(
            fragment!(adding),
            fragment!("cancelled"),
            fragment!(family),
            fragment!("deduplication"),
            fragment!("detach"),
            fragment!("scheduler_job")
        )
    };
    ($name:literal) => {
        concat!(
            include_str!(concat!("../../scripts/include/", $name, ".lua")),
            "\n"
        )
    };
}

/// Defines a script from its file and the fragments it uses, in the order in which they need each
/// other.
///
/// A script makes all its functions anew in every call. What few calls need is given as `rare`, with
/// the names by which it is reached as `rare().name`, and made when it is first asked for. What most
/// calls need that do little is written out in `alone`, which comes before all functions.
macro_rules! script {
    ($name:ident, $file:literal, [$($fragment:tt),* $(,)?]) => {
        script!(@ $name, $file, "", concat!($(fragment!($fragment),)* ""));
    };
    ($name:ident, $file:literal, $(alone: $alone:literal,)? [$($fragment:tt),* $(,)?],
     rare: [$($rare:tt),* $(,)?] => $names:literal) => {
        script!(@ $name, $file, concat!($(fragment!($alone))?), concat!(
            fragment!("rare_ahead"),
            $(fragment!($fragment),)*
            "local parts\nfunction rare()\n  if parts then return parts end\n",
            $(fragment!($rare),)*
            "  parts = { ", $names, " }\n  return parts\nend\n",
        ));
    };
    (@ $name:ident, $file:literal, $alone:expr, $fragments:expr) => {
        pub(crate) static $name: Script = {
            const SOURCE: &str = concat!(
                fragment!("call"),
                $alone,
                fragment!("queue"),
                $fragments,
                include_str!(concat!("../../scripts/", $file, ".lua"))
            );
            Script {
                name: $file,
                source: SOURCE,
                sha: LazyLock::new(|| sha1_hash(SOURCE)),
            }
        };
    };
}

script!(
    ADD_JOBS,
    "add_jobs",
    alone: "add_alone",
    ["settings", "store_fields", "push_late"],
    rare: [
        "error_text",
        "wake",
        storing,
        "cancelled",
        family,
        "deduplicate",
        "attach_existing",
        "add_job",
    ] => "error_text = error_text, push_prioritized = push_prioritized, read_job = read_job,
        add_job = add_job, parent_of = parent_of, release_parent_if_free = release_parent_if_free,
        wake_at_next_due = wake_at_next_due"
);
script!(
    SETTLE_AND_FETCH,
    "settle_and_fetch",
    alone: "settle_and_fetch_alone",
    ["settings", "trim_finished", "put_off", "complete", "fetch"],
    rare: [
        "error_text",
        "wake",
        "let_go",
        "cancelled",
        "store_fields",
        storing,
        family,
        "deduplication",
        "detach",
        "count_finished",
        "children_allow",
        "finish",
        "put_back",
        "settle_otherwise",
        "promote_due",
        "start_limits",
        "given_out",
    ] => "error_text = error_text, wake = wake, next_due = next_due,
        wake_at_next_due = wake_at_next_due, detach = detach,
        count_finished = count_finished, read_settled = read_settled,
        settle_otherwise = settle_otherwise, promote_due = promote_due, may_start = may_start,
        count_started = count_started, given_out = given_out"
);
script!(EXTEND_LOCKS, "extend_locks", ["cancelled"]);
script!(
    RECOVER_STALLED,
    "recover_stalled",
    ["settings", "wake", "cancelled"]
);
script!(
    CANCEL_JOB,
    "cancel_job",
    ["settings", "trim_finished", "put_off", "scheduler_job"],
    rare: [
        "wake",
        "let_go",
        "cancelled",
        "store_fields",
        storing,
        family,
        "deduplication",
        "detach",
        "children_allow",
        "finish",
    ] => "wake = wake, wake_at_next_due = wake_at_next_due, drop_job = drop_job,
        tell_relatives = tell_relatives, detach = detach"
);
script!(PAUSE, "pause", []);
script!(RESUME, "resume", ["wake"]);
script!(COUNTS, "counts", []);
script!(REMOVE_JOB, "remove_job", [removing, "remove"]);
script!(
    REMOVE_UNPROCESSED_CHILDREN,
    "remove_unprocessed_children",
    [removing, "remove"]
);
script!(
    REMOVE_CHILD_DEPENDENCY,
    "remove_child_dependency",
    [removing]
);
script!(DRAIN, "drain", [removing, "discard"]);
script!(CLEAN, "clean", [removing, "discard"]);
script!(OBLITERATE, "obliterate", [removing, "discard"]);
script!(PROMOTE, "promote", ["settings", "wake", "enqueue"]);
script!(PROMOTE_JOBS, "promote_jobs", ["settings", "wake"]);
script!(
    RETRY_JOB,
    "retry_job",
    ["settings", "wake", "enqueue", "cancelled", "reprocess"]
);
script!(
    RETRY_JOBS,
    "retry_jobs",
    ["settings", "wake", "cancelled", "reprocess"]
);
script!(
    CHANGE_PRIORITY,
    "change_priority",
    ["settings", "wake", "enqueue"]
);
script!(
    CHANGE_DELAY,
    "change_delay",
    ["settings", "wake", "enqueue"]
);
script!(UPDATE_DATA, "update_data", []);
script!(UPDATE_PROGRESS, "update_progress", ["settings"]);
script!(ADD_LOG, "add_log", []);
script!(STATE, "state", []);
script!(IS_FINISHED, "is_finished", []);
script!(JOBS_PAGE, "jobs_page", []);
script!(COUNTS_PER_PRIORITY, "counts_per_priority", []);
script!(METRICS, "metrics", []);
script!(DEPENDENCIES, "dependencies", []);
script!(DEPENDENCY_COUNTS, "dependency_counts", []);
script!(RATE_LIMIT_TTL, "rate_limit_ttl", []);
script!(RELEASE_DEDUPLICATION, "release_deduplication", []);
script!(
    UPSERT_SCHEDULER,
    "upsert_scheduler",
    [adding, "deduplication", "scheduler", "add_iteration"]
);
script!(
    CONTINUE_SCHEDULER,
    "continue_scheduler",
    [adding, "scheduler", "add_iteration", "pending_iteration"]
);
script!(
    LOST_SCHEDULERS,
    "lost_schedulers",
    ["scheduler", "pending_iteration"]
);
script!(
    REMOVE_SCHEDULER,
    "remove_scheduler",
    [adding, "deduplication", "scheduler"]
);
script!(SCHEDULERS, "schedulers", ["scheduler"]);

script!(TALLY, "tally", []);
script!(DATA_IDENTITY, "data_identity", []);

script!(CHECK_PLACE, "check_place", []);
script!(CHECK_JOBS, "check_jobs", ["homeless"]);
script!(
    REPAIR,
    "repair",
    ["settings", "wake", "enqueue", "homeless"]
);

impl Script {
    /// Calls the script for one queue. See [`call_for`](Self::call_for).
    pub(crate) async fn call(
        &self,
        connection: &Connection,
        keys: &QueueKeys,
        args: impl IntoIterator<Item = String>,
    ) -> Result<Reply, EngineError> {
        let args: Vec<_> = args.into_iter().collect();
        self.call_for(connection, &[keys], |call| {
            call.text(keys.base());
            call.extend(&args);
        })
        .await
    }

    /// Calls the script once. If its answer is lost, whether it took effect is not known, and the
    /// caller decides what to do about that.
    ///
    /// `write_args` appends the arguments; it is asked again in the rare case that the server does
    /// not know the script yet, which spares every other call a copy of them.
    pub(crate) async fn call_for(
        &self,
        connection: &Connection,
        queues: &[&QueueKeys],
        write_args: impl Fn(&mut Args),
    ) -> Result<Reply, EngineError> {
        let args = self.args(queues, &write_args);
        let sent = connection.send_once("EVALSHA", 2, self.name, args).await;
        match sent {
            // The server was restarted or flushed its scripts: nothing has run.
            Err(EngineError::Refused { reason, .. }) if reason.contains("NOSCRIPT") => {
                let args = written(self.source, queues, write_args);
                connection.send_once("EVAL", 2, self.name, args).await
            }
            other => other,
        }
        .map_err(|error| match error {
            EngineError::Refused { reason, .. } => EngineError::Refused {
                operation: self.name,
                reason,
            },
            other => other,
        })
    }

    /// What `EVALSHA` takes for such a call.
    pub(crate) fn args(&self, queues: &[&QueueKeys], write_args: impl FnOnce(&mut Args)) -> Args {
        written(&self.sha, queues, write_args)
    }
}

/// The arguments of a call of a script, which is named by its digest or by its whole text.
fn written(script: &str, queues: &[&QueueKeys], write_args: impl FnOnce(&mut Args)) -> Args {
    let mut args = Args::new();
    args.text(script);
    args.display(queues.len());
    args.extend(queues.iter().map(|keys| keys.meta()));
    write_args(&mut args);
    args
}
