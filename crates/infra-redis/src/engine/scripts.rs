//! The Lua scripts: what each is made of, which keys it gets, and how it is called.

use std::sync::LazyLock;

use fred::util::sha1_hash;

use super::connection::Connection;
use super::error::EngineError;
use super::keys::{QueueKeys, Suffix};
use super::reply::Reply;

/// A script, ready to be called.
pub(crate) struct Script {
    name: &'static str,
    keys: &'static [Suffix],
    source: String,
    sha: String,
}

/// Defines a script from its file and the fragments it uses, in the order in which they need each
/// other.
macro_rules! script {
    ($name:ident, $file:literal, [$($fragment:literal),*], [$($key:ident),* $(,)?]) => {
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::assemble(
                $file,
                &[$(Suffix::$key),*],
                concat!(
                    $(include_str!(concat!("../../scripts/include/", $fragment, ".lua")), "\n",)*
                    include_str!(concat!("../../scripts/", $file, ".lua"))
                ),
            )
        });
    };
}

script!(
    ADD_JOBS,
    "add_jobs",
    ["settings", "wake", "enqueue"],
    [
        Meta,
        Id,
        Wait,
        Active,
        Prioritized,
        Delayed,
        Pc,
        Marker,
        Events
    ]
);
script!(
    SETTLE_AND_FETCH,
    "settle_and_fetch",
    [
        "settings",
        "wake",
        "enqueue",
        "promote_due",
        "drop_job",
        "unlock",
        "finish",
        "put_back",
        "fetch"
    ],
    [
        Meta,
        Wait,
        Active,
        Prioritized,
        Delayed,
        Completed,
        Failed,
        Pc,
        Marker,
        Events,
        Stalled,
        Limiter
    ]
);
script!(EXTEND_LOCKS, "extend_locks", [], [Stalled]);
script!(
    RECOVER_STALLED,
    "recover_stalled",
    ["settings", "wake"],
    [
        Meta,
        Wait,
        Active,
        Marker,
        Events,
        Stalled,
        StalledCheck,
        Repeat
    ]
);
script!(PAUSE, "pause", [], [Meta, Marker, Events]);
script!(
    RESUME,
    "resume",
    ["wake"],
    [Meta, Wait, Paused, Prioritized, Delayed, Marker, Events]
);
script!(
    COUNTS,
    "counts",
    [],
    [
        Wait,
        Paused,
        Active,
        Prioritized,
        Delayed,
        WaitingChildren,
        Completed,
        Failed
    ]
);

impl Script {
    fn assemble(name: &'static str, keys: &'static [Suffix], body: &str) -> Self {
        // The scripts name keys as they are named in Valkey, so no position is ever counted by
        // hand. `prefix` is what a job's id is appended to.
        let table: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| format!("['{}'] = KEYS[{}]", key.as_str(), index + 1))
            .collect();
        let source = format!(
            "local queue = {{ prefix = ARGV[1], {} }}\n{body}",
            table.join(", ")
        );
        Self {
            name,
            keys,
            sha: sha1_hash(&source),
            source,
        }
    }

    /// Calls the script once. If its answer is lost, whether it took effect is not known, and the
    /// caller decides what to do about that.
    pub(crate) async fn call(
        &self,
        connection: &Connection,
        keys: &QueueKeys,
        args: impl IntoIterator<Item = String>,
    ) -> Result<Reply, EngineError> {
        let mut call = Vec::with_capacity(32);
        call.push(self.sha.clone());
        call.push(self.keys.len().to_string());
        call.extend(self.keys.iter().map(|key| keys.of(*key)));
        call.push(keys.base().to_owned());
        call.extend(args);
        let sent = connection
            .send_once("EVALSHA", 2, self.name, call.clone())
            .await;
        match sent {
            // The server was restarted or flushed its scripts: nothing has run.
            Err(EngineError::Refused { reason, .. }) if reason.contains("NOSCRIPT") => {
                call[0].clone_from(&self.source);
                connection.send_once("EVAL", 2, self.name, call).await
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_each_script_names_the_keys_it_gets() {
        let scripts = [
            &ADD_JOBS,
            &SETTLE_AND_FETCH,
            &EXTEND_LOCKS,
            &RECOVER_STALLED,
            &PAUSE,
            &RESUME,
            &COUNTS,
        ];
        for script in scripts {
            let (_, head) = script.source.split_once("KEYS  ").unwrap();
            let (head, _) = head.split_once("ARGV").unwrap();
            let documented: Vec<_> = head.split(',').map(str::trim).collect();
            let given: Vec<_> = script.keys.iter().map(|key| key.as_str()).collect();
            assert_eq!(documented, given, "{}", script.name);
        }
    }
}
