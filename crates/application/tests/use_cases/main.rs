//! The use cases and the path of an event, with every port a fake: a file for each thing that
//! curators do, and one for each stage that an event passes.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

mod analytics;
mod cards;
mod dispatcher;
mod fan_out;
mod feeds;
mod following;
mod in_process;
mod notifications;
mod recovery;
mod registering;
mod relay;
mod relay_refusals;
mod replay;
mod routing;
mod tokens;
mod upkeep;
