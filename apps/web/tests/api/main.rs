//! The API, called in-process: a file for each branch of the URL tree, and one for each thing that
//! all branches share.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of a test function"
)]

mod support;

mod admin;
mod analytics;
mod cards;
mod curators;
mod feeds;
mod follows;
mod heads;
mod hostile;
mod logs;
mod notifications;
mod problems;
mod rates;
mod serving;
mod tokens;
mod tracing;
