//! How many jobs are worth holding ahead of their turn: pure policy.

use std::time::Duration;

use super::settings::LookAhead;
use crate::engine::pace::{Average, Pace};

/// How many times longer than a round trip work must take for the way not to matter.
const SHORT: u32 = 8;

/// What a worker was asked to hold, and how long its attempts take.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    wanted: LookAhead,
    work: Average,
}

impl Ahead {
    pub(super) fn new(wanted: LookAhead) -> Self {
        Self {
            wanted,
            work: Average::default(),
        }
    }

    /// An attempt took so long.
    pub(super) fn worked(&mut self, took: Duration) {
        self.work.add(took);
    }

    /// How many jobs a worker with so many slots should hold.
    pub(super) fn jobs(&self, slots: usize, pace: &Pace) -> usize {
        match self.wanted {
            LookAhead::None => 0,
            LookAhead::Jobs(count) => count,
            LookAhead::Automatic { at_most } => self.worth_while(slots, pace).min(at_most),
        }
    }

    fn worth_while(&self, slots: usize, pace: &Pace) -> usize {
        let (away, work) = (pace.round_trip(), self.work.get());
        // Slots that idle for a small part of the time are not worth holding jobs for, which another
        // worker could start at once.
        if away * SHORT < work || away.is_zero() {
            return 0;
        }
        // What the slots finish while a call that settles and claims is under way, which may have to
        // wait for its turn before.
        let busy = (away + pace.gap() * 2).as_secs_f64();
        let rounds = busy / work.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "saturates, and is bounded by who asks"
        )]
        let jobs = (rounds * slots as f64).ceil() as usize;
        jobs
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn away(round_trip: Duration) -> Pace {
        let mut pace = Pace::default();
        pace.sent(Instant::now());
        pace.answered(Some(round_trip));
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_are_held_only_where_the_way_is_long() {
        let mut ahead = Ahead::new(LookAhead::Automatic { at_most: 800 });
        assert_eq!(ahead.jobs(50, &Pace::default()), 0, "nothing is known yet");
        ahead.worked(20 * MILLI);
        let held = ahead.jobs(50, &away(100 * MILLI));
        assert!((250..400).contains(&held), "{held}");
        assert_eq!(ahead.jobs(50, &away(MILLI)), 0);
        assert_eq!(ahead.jobs(500, &away(100 * MILLI)), 800);

        assert_eq!(Ahead::new(LookAhead::None).jobs(50, &away(MILLI)), 0);
        assert_eq!(Ahead::new(LookAhead::Jobs(7)).jobs(50, &away(MILLI)), 7);
    }
}
