//! What events look like as JSON, a file a version. These files are a promise: jobs that an
//! earlier release wrote are read by this one, and this release's by its neighbours.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::fs;
use std::path::PathBuf;

use domain::event::cloud_event::DecodeError;
use domain::{EventEnvelope, EventKind};

/// The release whose golden files stand in `releases`, as they were when it was made.
const PREVIOUS_RELEASE: &str = "0.1.0";

fn golden_files() -> Vec<(String, String)> {
    files_in("golden")
}

fn files_in(dir: &str) -> Vec<(String, String)> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let dir = tests.join(dir);
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_kind_has_a_golden_file_of_every_version() {
    let names: Vec<_> = golden_files().into_iter().map(|(name, _)| name).collect();
    for kind in EventKind::ALL {
        for version in 1..=kind.version() {
            let wanted = format!("{kind}.v{version}");
            let found = names.iter().any(|name| name.starts_with(&wanted));
            assert!(found, "there is no golden file {wanted}.json");
        }
    }
}

#[test]
fn golden_files_of_todays_version_are_written_as_they_are_read() {
    for (name, text) in golden_files() {
        let envelope = EventEnvelope::from_json(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(name.starts_with(envelope.kind().as_str()), "{name}");
        if json(&text)["dataversion"] == envelope.kind().version() {
            assert_eq!(json(&envelope.to_json()), json(&text), "{name}");
        }
    }
}

#[test]
fn what_the_previous_release_wrote_is_read_and_means_the_same() {
    let files = files_in(&format!("releases/{PREVIOUS_RELEASE}"));
    assert!(!files.is_empty());
    let golden = golden_files();
    for (name, text) in files {
        let theirs = EventEnvelope::from_json(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        // The file of that version is still there and unchanged.
        let kept = golden.iter().find(|(golden, _)| *golden == name);
        let (_, kept) = kept.unwrap_or_else(|| panic!("golden file {name}.json is gone"));
        assert_eq!(json(kept), json(&text), "{name}");
        // What this release writes of it, it reads as the same.
        let ours = EventEnvelope::from_json(&theirs.to_json());
        assert_eq!(ours.unwrap(), theirs, "{name}");
    }
}

/// The golden file of a saved URL with one attribute set to something else.
fn altered(attribute: &str, value: serde_json::Value) -> String {
    let (_, text) = golden_files()
        .into_iter()
        .find(|(name, _)| name == "CardAddedToLibrary.v1")
        .unwrap();
    let mut event = json(&text);
    event[attribute] = value;
    event.to_string()
}

#[test]
fn an_unknown_type_is_named() {
    let error = EventEnvelope::from_json(&altered("type", "CardTeleported".into())).unwrap_err();
    assert_eq!(error.to_string(), "unknown event type `CardTeleported`");
}

#[test]
fn a_newer_version_is_told_apart_because_a_newer_release_can_read_it() {
    let error = EventEnvelope::from_json(&altered("dataversion", 99.into())).unwrap_err();
    assert!(matches!(
        error,
        DecodeError::NewerVersion {
            version: 99,
            known: 1,
            ..
        }
    ));
}

#[test]
fn malformed_envelopes_say_where_and_what() {
    let error = |text: &str| EventEnvelope::from_json(text).unwrap_err().to_string();
    assert!(error("nonsense").contains("malformed event envelope"));
    assert!(error("{}").contains("missing field"));
    let wrong_time = error(&altered("time", "yesterday".into()));
    assert!(
        wrong_time.contains("at `time`") && wrong_time.contains("`yesterday`"),
        "{wrong_time}"
    );
    let wrong_spec = error(&altered("specversion", "2.0".into()));
    assert!(
        wrong_spec.contains("expected `1.0`, found `2.0`"),
        "{wrong_spec}"
    );
    let wrong_data = error(&altered("data", serde_json::json!({"cardId": 7})));
    assert!(wrong_data.contains("at `data."), "{wrong_data}");
}
