//! Who is told what happens on the path of events.

/// Is told, to count it. Every method may do nothing.
pub trait EventObserver: Send + Sync {
    /// The relay has published so many events.
    fn published(&self, _events: usize) {}

    /// An event came again to a handler that had acted on it, and took no effect.
    fn duplicate(&self, _handler: &'static str) {}

    /// So many published events, and so many records of handled ones, were old enough to forget.
    fn forgotten(&self, _published: u64, _handled: u64) {}
}

/// Nobody.
impl EventObserver for () {}
