//! What every Bellwether process does first and last: logs, metrics, health, shutdown.
//!
//! A process starts with [`logs::init`], takes its [`shutdown::Shutdown`], opens its
//! [`ops::OpsServer`] and registers what it measures from [`metrics`]. What is measured and which
//! dependencies must answer is for the process to say.

pub mod crypto;
pub mod listener;
pub mod logs;
pub mod metrics;
pub mod ops;
mod probe;
pub mod shutdown;
pub mod trace_context;
