//! Ends a process whose work has come to a halt, so that the platform starts another.
//!
//! It has a thread of its own: what it looks for is, among other things, that no task of the
//! process gets a turn any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::error;

use crate::observe::QueueObserver;

/// The exit code of a process that the watchdog ended.
const EXIT_STUCK: i32 = 70;

/// How often it looks.
const TICK: Duration = Duration::from_secs(1);

/// How long saying why may take. Whoever reads the log may be what the process is stuck on.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Watches for as long as the value lives.
pub(crate) struct Watchdog {
    is_over: Arc<AtomicBool>,
}

impl Watchdog {
    /// Ends the process with code 70 once one of these workers' loops has not turned for
    /// `limit`.
    pub(crate) fn start(limit: Duration, watched: Vec<Arc<QueueObserver>>) -> io::Result<Self> {
        Self::start_with(limit, TICK, watched, |reason| {
            let (said, heard) = std::sync::mpsc::channel();
            // If even this thread can't be had, the process ends without a word.
            let _ = std::thread::Builder::new().spawn(move || {
                error!("{reason}; ending, to be started again");
                let _ = said.send(());
            });
            let _ = heard.recv_timeout(LAST_WORDS);
            std::process::exit(EXIT_STUCK);
        })
    }

    fn start_with(
        limit: Duration,
        tick: Duration,
        watched: Vec<Arc<QueueObserver>>,
        stuck: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watch = move || {
            let mut loops: Vec<_> = watched.into_iter().map(Loop::new).collect();
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(tick);
                let halted = loops.iter_mut().find_map(|one| one.look(tick, limit));
                if let Some(reason) = halted {
                    return stuck(reason);
                }
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".to_owned());
        thread.spawn(watch)?;
        Ok(Self { is_over })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// A worker's loop, as the watchdog has seen it.
struct Loop {
    observer: Arc<QueueObserver>,
    beats: Option<u64>,
    /// Counted in ticks rather than taken from a clock, which goes on while the whole process is
    /// stopped or its machine sleeps.
    silence: Duration,
}

impl Loop {
    fn new(observer: Arc<QueueObserver>) -> Self {
        Self {
            observer,
            beats: None,
            silence: Duration::ZERO,
        }
    }

    /// Looks once; why the loop counts as stuck, if it does.
    fn look(&mut self, tick: Duration, limit: Duration) -> Option<String> {
        let beats = self.observer.beats();
        if beats.is_none() || beats != self.beats {
            self.beats = beats;
            self.silence = Duration::ZERO;
            return None;
        }
        self.silence += tick;
        let queue = self.observer.queue();
        (self.silence >= limit)
            .then(|| format!("The worker of `{queue}` has not looked at its queue for {limit:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use application::queues::QueueName;
    use infra_redis::engine::WorkerObserver;
    use telemetry::metrics::{JobMetrics, Metrics};

    use super::*;
    use crate::SystemClock;

    const TICK: Duration = Duration::from_millis(5);
    const LIMIT: Duration = Duration::from_millis(50);

    fn observer() -> Arc<QueueObserver> {
        let metrics = JobMetrics::register(&mut Metrics::new());
        Arc::new(QueueObserver::new(
            QueueName::Feeds,
            metrics,
            Arc::new(SystemClock),
        ))
    }

    fn watch(watched: &Arc<QueueObserver>) -> (Watchdog, mpsc::Receiver<String>) {
        let (stuck, heard) = mpsc::channel();
        let told = move |reason| stuck.send(reason).unwrap();
        let watched = vec![Arc::clone(watched)];
        (
            Watchdog::start_with(LIMIT, TICK, watched, told).unwrap(),
            heard,
        )
    }

    #[test]
    fn a_loop_that_does_not_turn_any_more_is_told_of_once() {
        let observer = observer();
        let (_watchdog, heard) = watch(&observer);
        observer.beat();
        let reason = heard.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(
            reason,
            "The worker of `feeds` has not looked at its queue for 50ms"
        );
        assert!(heard.recv().is_err(), "told twice");
    }

    #[test]
    fn a_loop_that_has_not_begun_or_is_over_is_not_waited_for() {
        let limits_passed = LIMIT * 4;
        let observer = observer();
        let (watchdog, heard) = watch(&observer);
        assert!(heard.recv_timeout(limits_passed).is_err());
        observer.beat();
        observer.retire();
        assert!(heard.recv_timeout(limits_passed).is_err());
        drop(watchdog);
    }

    #[test]
    fn a_loop_counts_as_stuck_after_so_many_looks_that_found_no_turn() {
        let observer = observer();
        let mut watched = Loop::new(Arc::clone(&observer));
        observer.beat();
        assert_eq!(watched.look(TICK, TICK * 2), None);
        assert_eq!(watched.look(TICK, TICK * 2), None);
        observer.beat();
        assert_eq!(watched.look(TICK, TICK * 2), None);
        assert_eq!(watched.look(TICK, TICK * 2), None);
        assert!(watched.look(TICK, TICK * 2).is_some());
    }
}
