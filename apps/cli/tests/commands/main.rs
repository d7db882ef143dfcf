//! The built program, as a person or a script runs it; one file a subcommand.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of a test function"
)]

mod demo;
mod migrate;
mod program;
