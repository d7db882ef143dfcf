//! The path of an event: from the outbox, through a publisher, to its handlers.

pub mod dispatcher;
pub mod handler;
pub mod in_process;
pub mod relay;
