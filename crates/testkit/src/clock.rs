//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{Clock, UnixMillis};

use crate::builders::NOW;

/// A clock that shows what it was set to. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_i64())))
    }

    /// Sets the time.
    pub fn set(&self, now: UnixMillis) {
        self.0.store(now.as_i64(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// Shows [`NOW`], as everything that the builders make does.
    fn default() -> Self {
        Self::at(NOW)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_for_all_clones_at_once() {
        let clock = FixedClock::default();
        clock.clone().advance(Duration::from_secs(2));
        assert_eq!(clock.now(), crate::builders::at(2));
    }
}
