//! Bytes from outside, as an enemy would send them, against everything that reads them without a
//! server: see `fuzz/README.md`.

#[path = "../../../../fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    reason = "they are the public functions of another crate, too"
)]
mod targets;

use testkit::hostile::withstands;

#[test]
fn envelopes() {
    withstands("envelope", targets::envelope);
}

#[test]
fn links() {
    withstands("link", targets::link);
}

#[test]
fn texts() {
    withstands("texts", targets::texts);
}

#[test]
fn urls() {
    withstands("urls", targets::urls);
}

#[test]
fn settings() {
    withstands("settings", targets::settings);
}

#[test]
fn schedules() {
    withstands("schedule", targets::schedule);
}

#[test]
fn cursors() {
    withstands("cursor", targets::cursor);
}
