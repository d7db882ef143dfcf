//! When a call may go, and how many jobs are worth holding ahead of their turn: pure policy.
//!
//! The first call goes at once. What becomes ready while it is in flight is gathered for the next
//! one, which goes when it is full enough, when the first is answered, or when a part of a round
//! trip has passed: near the server that makes few, full calls, two at a time, and far from it many
//! calls on their way at once.

use std::time::Duration;

use tokio::time::Instant;

use super::worker::LookAhead;

/// The most calls on their way at once.
const MOST_IN_FLIGHT: usize = 32;

/// The shortest wait between two calls of which neither is full. Longer than a round trip to a
/// server nearby, whose answer comes first.
const SHORTEST_GAP: Duration = Duration::from_millis(1);

/// Into how many gaps a round trip is divided.
const GAPS: u32 = 16;

/// How many times longer than a round trip work must take for the way not to matter.
const SHORT: u32 = 8;

/// An average in which what is recent counts most.
#[derive(Debug, Clone, Copy, Default)]
struct Average(Option<Duration>);

impl Average {
    fn add(&mut self, value: Duration) {
        self.0 = Some(self.0.map_or(value, |average| (average * 7 + value) / 8));
    }

    fn get(self) -> Duration {
        self.0.unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pace {
    in_flight: usize,
    last_sent: Option<Instant>,
    round_trip: Average,
    work: Average,
}

impl Pace {
    /// How many calls are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.in_flight += 1;
        self.last_sent = Some(now);
    }

    /// A call was answered after `took`; absent if it was given up or made more than once.
    pub(crate) fn answered(&mut self, took: Option<Duration>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(took) = took {
            self.round_trip.add(took);
        }
    }

    /// An attempt took so long.
    pub(crate) fn worked(&mut self, took: Duration) {
        self.work.add(took);
    }

    /// Whether a call may go that settles `ready` jobs, of at most `full`.
    pub(crate) fn may_send(&self, ready: usize, full: usize, now: Instant) -> bool {
        match self.in_flight {
            0 => true,
            1 if ready > 0 && 2 * ready >= full => true,
            MOST_IN_FLIGHT.. => false,
            _ => ready >= full || self.next_chance().is_some_and(|chance| now >= chance),
        }
    }

    /// When a call may go that is not full; absent while none is in flight.
    pub(crate) fn next_chance(&self) -> Option<Instant> {
        let last = self.last_sent.filter(|_| self.in_flight > 0)?;
        Some(last + self.gap())
    }

    /// The same, but absent near the server, where the next answer comes before.
    pub(crate) fn far_chance(&self) -> Option<Instant> {
        self.next_chance()
            .filter(|_| self.round_trip.get() > 2 * SHORTEST_GAP)
    }

    fn gap(&self) -> Duration {
        (self.round_trip.get() / GAPS).max(SHORTEST_GAP)
    }

    /// How many jobs to hold ahead of their turn.
    pub(crate) fn look_ahead(&self, concurrency: usize, wanted: LookAhead) -> usize {
        match wanted {
            LookAhead::None => 0,
            LookAhead::Jobs(count) => count,
            LookAhead::Automatic { at_most } => {
                let (away, work) = (self.round_trip.get(), self.work.get());
                // Slots that idle for a small part of the time are not worth holding jobs for,
                // which another worker could start at once.
                if away * SHORT < work || away.is_zero() {
                    return 0;
                }
                // What the slots finish while a call that settles and claims is under way, which
                // may have to wait for its turn before.
                let busy = (away + self.gap() * 2).as_secs_f64();
                let rounds = busy / work.as_secs_f64().max(1e-6);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "saturates, and is bounded next"
                )]
                let jobs = (rounds * concurrency as f64).ceil() as usize;
                jobs.min(at_most)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn the_first_call_goes_at_once_and_the_second_when_it_is_half_full() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert!(pace.may_send(1, 50, now));
        pace.sent(now);
        assert!(!pace.may_send(24, 50, now));
        assert!(pace.may_send(25, 50, now));
        pace.sent(now);
        assert!(!pace.may_send(49, 50, now));
        assert!(pace.may_send(50, 50, now));
        pace.answered(Some(MILLI));
        pace.answered(Some(MILLI));
        assert!(pace.may_send(1, 50, now));
    }

    #[tokio::test(start_paused = true)]
    async fn far_away_a_call_goes_after_a_part_of_a_round_trip() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.sent(now);
        pace.answered(Some(80 * MILLI));
        pace.sent(now);
        assert_eq!(pace.next_chance(), Some(now + 5 * MILLI));
        assert!(!pace.may_send(1, 50, now + 4 * MILLI));
        assert!(pace.may_send(1, 50, now + 5 * MILLI));
        for _ in 0..MOST_IN_FLIGHT {
            pace.sent(now);
        }
        assert!(!pace.may_send(50, 50, now + 80 * MILLI));
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_are_held_only_where_the_way_is_long() {
        let automatic = LookAhead::Automatic { at_most: 800 };
        let mut pace = Pace::default();
        assert_eq!(pace.look_ahead(50, automatic), 0, "nothing is known yet");
        pace.sent(Instant::now());
        pace.answered(Some(100 * MILLI));
        pace.worked(20 * MILLI);
        let held = pace.look_ahead(50, automatic);
        assert!((250..400).contains(&held), "{held}");
        assert_eq!(pace.look_ahead(50, LookAhead::None), 0);
        assert_eq!(pace.look_ahead(50, LookAhead::Jobs(7)), 7);

        let mut near = Pace::default();
        near.sent(Instant::now());
        near.answered(Some(MILLI));
        near.worked(20 * MILLI);
        assert_eq!(near.look_ahead(50, automatic), 0);
    }
}
