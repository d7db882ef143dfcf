//! What other clients may have written to Valkey, as bytes for fuzzers: each function reads them as
//! the engine would, and returns, whatever they are.

use super::backoff::Backoff;
use super::events::QueueEvent;
use super::job::{Fetched, Job};
use super::options::{KeepLimits, StoredBackoff, WireOptions, WorkOptions};
use super::reply::{Decoder, Reply};
use super::scheduler;

/// Lines, of which each is a field, or a field's value.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\n').map(str::to_owned).collect()
}

/// A job's hash, as a page of jobs shows it and as a worker is given it.
pub fn job(bytes: &[u8]) {
    let lines = lines(bytes);
    let texts: Vec<_> = lines.iter().cloned().map(Reply::Text).collect();
    // An odd number of lines has a last one that is nothing's value.
    let _ = Job::from_fields("17", Reply::List(texts.clone()));
    let Ok(fetched) = Fetched::decode(Decoder("a test"), &mut texts.into_iter()) else {
        return;
    };
    let next = fetched.attempts_made.checked_add(1);
    assert!(next.is_some(), "the next attempt has a number");
    if let Ok(options) = &fetched.options {
        use_options(options, fetched.attempts_made);
    }
}

/// A job's options.
pub fn options(bytes: &[u8]) {
    if let Ok(options) = serde_json::from_slice::<WorkOptions>(bytes) {
        use_options(&options, 7);
    }
    let Ok(options) = serde_json::from_slice::<WireOptions>(bytes) else {
        return;
    };
    scheduler::untrusted::of_job(&options);
    let json = serde_json::to_string(&options).expect("what was read can be written");
    let again: WireOptions = serde_json::from_str(&json).expect("and read again");
    assert_eq!(again, options);
}

fn use_options(options: &WorkOptions, attempts_made: u32) {
    for keep in [&options.remove_on_complete, &options.remove_on_fail] {
        let _ = keep.as_ref().map(|keep| KeepLimits::from(keep).to_string());
    }
    if let Some(StoredBackoff::Known(backoff)) = &options.backoff {
        wait(backoff, attempts_made);
    }
}

fn wait(backoff: &Backoff, attempts_made: u32) {
    for attempt in [1, attempts_made, u32::MAX] {
        let _ = backoff.delay(attempt, 0.5);
    }
}

/// A scheduler's fields and the pattern in them.
pub fn scheduler(bytes: &[u8]) {
    scheduler::untrusted::of_fields(lines(bytes));
}

/// An entry of the stream of events.
pub fn event(bytes: &[u8]) {
    let lines = lines(bytes);
    let fields = lines
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()));
    let _ = QueueEvent::from_fields(fields.collect());
}

#[cfg(test)]
mod tests {
    use testkit::hostile::withstands;

    #[test]
    fn job() {
        withstands("job", super::job);
    }

    #[test]
    fn options() {
        withstands("options", super::options);
    }

    #[test]
    fn scheduler() {
        withstands("scheduler", super::scheduler);
    }

    #[test]
    fn event() {
        withstands("event", super::event);
    }
}
