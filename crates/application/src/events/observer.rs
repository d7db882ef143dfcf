//! Who is told what happens on the path of events.

use crate::queues::QueueName;

/// How much was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Published events.
    pub published: u64,
    /// Records of handled events.
    pub handled: u64,
    /// Dead letters.
    pub letters: u64,
}

/// Is told, to count it. Every method may do nothing.
pub trait EventObserver: Send + Sync {
    /// The relay has published so many events.
    fn published(&self, _events: usize) {}

    /// So many events are published again, because the queues have lost data.
    fn published_again(&self, _events: u64) {}

    /// An event came again to a handler that had acted on it, and took no effect.
    fn duplicate(&self, _handler: &'static str) {}

    /// A job of a queue waits, because a newer release wrote its event.
    fn parked(&self, _queue: QueueName) {}

    /// This was old enough to forget.
    fn forgotten(&self, _what: Forgotten) {}
}

/// Nobody.
impl EventObserver for () {}
