//! What `docs/security.md` promises of the programs as they run.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod hostile;
mod rates;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
