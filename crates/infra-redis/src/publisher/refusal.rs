//! Tells a server that can't take anything now from one that refuses this.

use crate::engine::EngineError;

/// The first words of answers that have nothing to do with what was asked, from Valkey's
/// `server.c` and the pages of <https://valkey.io/topics/>: no memory, no right, no disk, or a
/// script that does not end. Those of a server that can't serve yet are [`EngineError::Unavailable`].
const ABOUT_THE_SERVER: [&str; 6] = [
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "OOM",
    "UNKILLABLE",
    "WRONGPASS",
];

/// Whether any other job would fare the same now.
pub(super) fn is_about_the_server(error: &EngineError) -> bool {
    match error {
        EngineError::Unavailable(_)
        | EngineError::Overloaded { .. }
        | EngineError::Connect(_)
        | EngineError::Reply { .. }
        | EngineError::Start(_) => true,
        EngineError::Refused { reason, .. } => {
            let first = reason.split_whitespace().next().unwrap_or_default();
            ABOUT_THE_SERVER.contains(&first.trim_start_matches('-'))
        }
        EngineError::Option(_) | EngineError::Data(_) | EngineError::Script(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_memory_is_not_the_events_fault() {
        let refused = |reason: &str| EngineError::Refused {
            operation: "add_jobs",
            reason: reason.to_owned(),
        };
        let oom = "OOM command not allowed when used memory > 'maxmemory'.";
        assert!(is_about_the_server(&refused(oom)));
        assert!(is_about_the_server(&EngineError::Unavailable(
            "away".into()
        )));
        let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert!(!is_about_the_server(&refused(wrong_type)));
    }
}
