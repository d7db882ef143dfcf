//! The path of an event: from the outbox, through a publisher, to its handlers.

mod acting;
pub mod dispatcher;
pub mod fence;
pub mod handler;
pub mod in_process;
pub mod observer;
pub mod recovery;
pub mod relay;
pub mod replay;
pub mod shadow;
pub mod upkeep;

/// An error and everything behind it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
