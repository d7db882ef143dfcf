//! Counting within one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Clock, UnixMillis};

use super::{Count, Counted};

/// How many windows are remembered. Whoever makes up names can push out those of others, and
/// memory stays bounded.
const MOST_WINDOWS: usize = 10_000;

/// Counts in this process's memory.
pub(super) struct LocalCounter {
    clock: Arc<dyn Clock>,
    windows: Mutex<HashMap<Counted, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    count: u64,
    ends_at: i64,
}

impl LocalCounter {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            windows: Mutex::default(),
        }
    }

    pub(super) fn count(&self, what: &Counted, window: Duration) -> Count {
        let now = self.clock.now();
        let fresh = Window {
            count: 0,
            ends_at: now.later(window).as_i64(),
        };
        let mut windows = self.windows();
        if !windows.contains_key(what) && windows.len() >= MOST_WINDOWS {
            make_room(&mut windows, now);
        }
        let found = windows.entry(what.clone()).or_insert(fresh);
        // A window that would last longer than windows do is from before the clock was set back.
        if found.ends_at <= now.as_i64() || found.ends_at > fresh.ends_at {
            *found = fresh;
        }
        found.count = found.count.saturating_add(1);
        let left = found.ends_at.saturating_sub(now.as_i64());
        Count {
            count: found.count,
            ends_in: Duration::from_millis(left.unsigned_abs()),
        }
    }

    pub(super) fn forget(&self, what: &Counted) {
        self.windows().remove(what);
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Counted, Window>> {
        // A count is whole at any moment, whoever panicked.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what has ended, or else what ends first.
fn make_room(windows: &mut HashMap<Counted, Window>, now: UnixMillis) {
    windows.retain(|_, window| window.ends_at > now.as_i64());
    if windows.len() < MOST_WINDOWS {
        return;
    }
    let first = windows.iter().min_by_key(|(_, window)| window.ends_at);
    if let Some(what) = first.map(|(what, _)| what.clone()) {
        windows.remove(&what);
    }
}

#[cfg(test)]
mod tests {
    use domain::curators::Handle;
    use testkit::clock::FixedClock;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn handle(number: usize) -> Counted {
        Counted::SignIns(Handle::parse(&format!("ada-{number}")).unwrap())
    }

    #[test]
    fn memory_is_bounded_whatever_is_counted() {
        let counter = LocalCounter::new(Arc::new(FixedClock::default()));
        for number in 0..MOST_WINDOWS + 10 {
            counter.count(&handle(number), WINDOW);
        }
        assert_eq!(counter.windows().len(), MOST_WINDOWS);
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let clock = FixedClock::default();
        let counter = LocalCounter::new(Arc::new(clock.clone()));
        counter.count(&handle(1), WINDOW);
        clock.set(UnixMillis::new(clock.now().as_i64() - 3_600_000));
        let count = counter.count(&handle(1), WINDOW);
        assert_eq!((count.count, count.ends_in), (1, WINDOW));
    }
}
