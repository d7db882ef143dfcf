//! When attempts failed: the queue keeps a trace of each and no time, so the time stands in the
//! trace, as its last line.

use domain::UnixMillis;
use domain::event::dead_letter::FailedAttempt;

/// In front of the time; what JavaScript's traces have in front of a place.
const AT: &str = "\n    at ";

/// A trace with the time of the failure.
pub(crate) fn written(trace: &str, at: UnixMillis) -> String {
    format!("{trace}{AT}{at}")
}

/// The attempt that a trace is about; its time is unknown if it does not end with one.
pub(crate) fn read(trace: &str) -> FailedAttempt {
    let timed = trace
        .rsplit_once(AT)
        .and_then(|(before, at)| Some((before, at.parse().ok()?)));
    FailedAttempt {
        at: timed.map(|(_, at)| at),
        trace: timed.map_or(trace, |(before, _)| before).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_without_a_time_is_left_as_it_is() {
        let at = UnixMillis::new(1_700_000_000_123);
        let timed = read(&written("Error: why\n    caused by: that", at));
        assert_eq!(
            (timed.at, &*timed.trace),
            (Some(at), "Error: why\n    caused by: that")
        );
        let theirs = "Error: why\n    at Worker.process (/app/worker.js:7:1)";
        let read = read(theirs);
        assert_eq!((read.at, &*read.trace), (None, theirs));
    }
}
