//! Domain events over real queues: each lands where it belongs, and has its effect once.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod dead_letters;
mod fencing;
mod handling;
mod installation;
mod losses;
mod publishing;
