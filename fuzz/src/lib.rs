//! What reads bytes from outside, as functions of bytes: each returns, whatever they are, and
//! asserts what must be so of what it could read.
//!
//! The targets for the fuzzer are in `fuzz_targets/`, and the tests of the workspace run the same
//! functions on the corpus and on variations of it.

use std::time::Duration;

use application::queues::{QueueSetting, QueueTable, parse_duration, parse_rate_limit};
use domain::cards::{CardTitle, Link, Note};
use domain::curators::{DisplayName, Handle, Password, TokenName};
use domain::{EventEnvelope, UnixMillis};
use infra_redis::engine::{ConnectionSettings, EventCursor, JobId, QueueId, Schedule};
use infra_sql::DatabaseUrl;
use telemetry::logs::LogFilter;
use telemetry::trace_context::TraceParent;

/// The password in the URLs of the corpus, which nothing may repeat.
const SECRET: &str = "s3cret";

/// An event's envelope: what was read is written, and read again, as the same.
pub fn envelope(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match EventEnvelope::from_json(text) {
        Ok(envelope) => {
            let again = EventEnvelope::from_json(&envelope.to_json());
            assert_eq!(again.expect("it was written here"), envelope);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The URL of a card.
pub fn link(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(link) = Link::parse(&text) else {
        return;
    };
    assert_eq!(Link::parse(link.as_str()), Ok(link.clone()));
    assert!(link.as_str().starts_with("http"), "{link}");
    assert!(link.as_str().chars().count() <= Link::MAX_LENGTH, "{link}");
    assert!(!link.as_str().contains(char::is_control), "{link}");
    assert!(!link.canonical().contains('#'), "{link}");
}

/// Names, notes, passwords, times, ids and traces, as clients send them.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(handle) = Handle::parse(&text) {
        assert!(handle.as_str().is_ascii(), "{handle}");
    }
    if let Ok(note) = Note::parse(&text) {
        assert!(note.as_str().chars().count() <= Note::LIMIT);
        assert!(!note.as_str().contains('\0'));
    }
    let _ = (CardTitle::parse(&text), DisplayName::parse(&text));
    let _ = (TokenName::parse(&text), Password::parse(text.to_string()));
    if let Ok(time) = text.parse::<UnixMillis>() {
        assert_eq!(time.to_string().parse::<UnixMillis>().ok(), Some(time));
        assert_eq!(time.day().len(), 10, "{time}");
    }
    if let Ok(parent) = text.parse::<TraceParent>() {
        assert_eq!(parent.to_string(), text);
    }
}

/// The URLs of databases and of Valkey: what is told of them never holds a password.
pub fn urls(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // Where a password stands in a text that has it elsewhere, too, nobody can tell.
    let is_password = text.matches(SECRET).count() == 1
        && (text.starts_with("postgres://ada:") || text.starts_with("redis://ada:"))
        && text.contains(&format!("{SECRET}@"));
    let told = [
        match text.parse::<DatabaseUrl>() {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => error.to_string(),
        },
        match ConnectionSettings::parse(&text) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => error.to_string(),
        },
    ];
    for told in told {
        assert!(!is_password || !told.contains(SECRET), "{text:?} {told}");
    }
}

/// The values of settings.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(setting) = text.parse::<QueueSetting>() {
        let _ = QueueTable::default().with(setting);
    }
    if let Some(duration) = parse_duration(&text) {
        // A process adds it to the time it is, whichever clock that is on.
        let now = std::time::Instant::now();
        assert!(now.checked_add(duration).is_some(), "{duration:?}");
        assert!(i64::try_from(duration.as_millis()).is_ok(), "{duration:?}");
    }
    if let Some(limit) = parse_rate_limit(&text) {
        assert!(limit.window > Duration::ZERO);
    }
    let _ = text.parse::<LogFilter>();
}

/// A cron pattern, with a time zone in the second line.
pub fn schedule(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, zone) = match text.split_once('\n') {
        Some((pattern, zone)) => (pattern, Some(zone)),
        None => (&*text, None),
    };
    if let Ok(schedule) = Schedule::cron(pattern, zone) {
        check_times(&schedule);
    }
    if let Some(interval) = parse_duration(&text)
        && let Ok(schedule) = Schedule::every(interval)
    {
        check_times(&schedule);
    }
}

fn check_times(schedule: &Schedule) {
    for time in [0, 1_795_507_964_676, 8_210_266_876_799_999, u64::MAX] {
        let next = schedule.next_after(time);
        assert!(next.is_none_or(|next| next > time), "{time} {next:?}");
    }
}

/// The cursor of a stream of events, and the names of queues and jobs.
pub fn cursor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cursor) = text.parse::<EventCursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    let _ = JobId::parse(&text);
    if let Ok(queue) = QueueId::parse("bull", &text) {
        assert_eq!(queue.name(), text);
    }
}
