//! What every Bellwether process is made of: groups of settings, the adapters opened from them, and
//! the worker process, of which there are three that differ in the queues they work.
//!
//! This is the one place besides the binaries that knows adapters. It reads no environment itself:
//! `clap` does, for the settings declared here.

pub mod clock;
pub mod exit;
pub mod observe;
pub mod settings;
mod watchdog;
pub mod worker;

pub use clock::SystemClock;
