//! When a call may go: pure policy.
//!
//! The first call goes at once. What becomes ready while it is in flight is gathered for the next
//! one, which goes when it is full enough, when the first is answered, or when a part of a round
//! trip has passed: near the server that makes few, full calls, two at a time, and far from it many
//! calls on their way at once, the first few of which wait for nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The most calls on their way at once.
const MOST_IN_FLIGHT: usize = 32;

/// How many calls on their way at once wait for nothing, far from the server.
const PROMPT: usize = 8;

/// The shortest wait between two calls of which neither is full. Longer than a round trip to a
/// server nearby, whose answer comes first.
const SHORTEST_GAP: Duration = Duration::from_millis(1);

/// Into how many gaps a round trip is divided.
const GAPS: u32 = 16;

/// An average in which what is recent counts most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Average(Option<Duration>);

impl Average {
    pub(crate) fn add(&mut self, value: Duration) {
        self.0 = Some(self.0.map_or(value, |average| (average * 7 + value) / 8));
    }

    /// Zero if nothing was added.
    pub(crate) fn get(self) -> Duration {
        self.0.unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Of each call on its way whether it was alone when it was sent; calls are answered in order.
    in_flight: VecDeque<bool>,
    last_sent: Option<Instant>,
    round_trip: Average,
}

impl Pace {
    /// How many calls are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.in_flight.push_back(self.in_flight.is_empty());
        self.last_sent = Some(now);
    }

    /// A call was answered after `took`; absent if it was given up or made more than once.
    ///
    /// One that stood behind others tells how long those took, too, so a busy server would seem far
    /// away: it counts only if it took less than was known.
    pub(crate) fn answered(&mut self, took: Option<Duration>) {
        let was_alone = self.in_flight.pop_front().unwrap_or_default();
        if let Some(took) = took
            && (was_alone || took < self.round_trip.get())
        {
            self.round_trip.add(took);
        }
    }

    /// Whether a call may go that settles or brings `ready` jobs, of at most `full`.
    pub(crate) fn may_send(&self, ready: usize, full: usize, now: Instant) -> bool {
        match self.in_flight() {
            0 => true,
            1 if ready > 0 && 2 * ready >= full => true,
            MOST_IN_FLIGHT.. => false,
            ..PROMPT if ready > 0 && self.is_far() => true,
            _ => ready >= full || self.next_chance().is_some_and(|chance| now >= chance),
        }
    }

    /// When a call may go that is not full; absent while none is in flight.
    pub(crate) fn next_chance(&self) -> Option<Instant> {
        let last = self.last_sent.filter(|_| self.in_flight() > 0)?;
        Some(last + self.gap())
    }

    /// The same, but absent near the server, where the next answer comes before.
    pub(crate) fn far_chance(&self) -> Option<Instant> {
        self.next_chance().filter(|_| self.is_far())
    }

    /// Whether a call takes much longer than one to a server nearby.
    pub(crate) fn is_far(&self) -> bool {
        self.round_trip.get() > 2 * SHORTEST_GAP
    }

    /// How long a call takes until it is answered; zero before the first is.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip.get()
    }

    /// How long what is ready may have to wait until a call may go.
    pub(crate) fn gap(&self) -> Duration {
        (self.round_trip.get() / GAPS).max(SHORTEST_GAP)
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
    async fn a_server_is_not_far_because_calls_stand_behind_each_other() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.sent(now);
        pace.answered(Some(MILLI));
        for _ in 0..5 {
            pace.sent(now);
        }
        for behind in 1..=5 {
            pace.answered(Some(3 * MILLI * behind));
        }
        // The first of them stood behind nobody.
        assert_eq!(pace.round_trip(), MILLI * 10 / 8);
        assert!(!pace.is_far());
        pace.sent(now);
        pace.sent(now);
        pace.answered(None);
        pace.answered(Some(MILLI / 4));
        assert_eq!(pace.round_trip(), MILLI * 9 / 8);
    }

    #[tokio::test(start_paused = true)]
    async fn far_away_a_call_goes_after_a_part_of_a_round_trip() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.sent(now);
        pace.answered(Some(80 * MILLI));
        for _ in 0..PROMPT {
            assert!(pace.may_send(1, 50, now));
            pace.sent(now);
        }
        assert_eq!(pace.next_chance(), Some(now + 5 * MILLI));
        assert!(!pace.may_send(1, 50, now + 4 * MILLI));
        assert!(pace.may_send(1, 50, now + 5 * MILLI));
        for _ in PROMPT..MOST_IN_FLIGHT {
            pace.sent(now);
        }
        assert!(!pace.may_send(50, 50, now + 80 * MILLI));
    }
}
