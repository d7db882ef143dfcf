//! Text from outside, which may hold what Postgres does not store.

/// The text with another character in the place of each NUL: Postgres stores none, and a reason or a
/// payload that nobody can read may hold one.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
