//! What the tests of Bellwether are made with: builders and fakes, the contract that every adapter
//! must keep, and real servers and processes. A dependency of tests alone, and of the chaos run,
//! which is one.

pub mod builders;
pub mod bullmq;
mod certificates;
pub mod clock;
pub mod contract;
pub mod faulty;
pub mod hostile;
pub mod memory;
pub mod peer;
pub mod port;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod sql;
pub mod valkey;
