//! What lists of moments and times tell.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::report::rounded;

/// The first moment since the start, and the rate of the second half.
pub(crate) fn pace(at: &[Instant], since: Instant) -> Value {
    let (Some(first), Some(last)) = (at.first(), at.last()) else {
        return json!({});
    };
    let half = at.len() / 2;
    let took = last.duration_since(at[half]).as_secs_f64();
    let rate = if took > 0.0 {
        ((at.len() - 1 - half) as f64 / took).round()
    } else {
        0.0
    };
    json!({"first_ms": millis(first.duration_since(since)), "steady_rate": rate})
}

/// A list of times of which the first fifth, the warm-up, is left out.
pub(crate) fn warm(mut times: Vec<f64>) -> Vec<f64> {
    times.drain(..times.len() / 5);
    times
}

/// The time that this share of the times does not exceed, to three places.
pub(crate) fn percentile(times: &[f64], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 to the length of the list"
    )]
    let index = (times.len() as f64 * share) as usize;
    let index = index.min(times.len().saturating_sub(1));
    rounded(times.get(index).copied().unwrap_or_default())
}

/// Milliseconds, to three places.
pub(crate) fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_other_programs() {
        let times: Vec<_> = (1..=100).rev().map(f64::from).collect();
        assert!((percentile(&times, 0.5) - 51.0).abs() < 1e-9);
        assert!((percentile(&times, 0.99) - 100.0).abs() < 1e-9);
        assert!(percentile(&[], 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_pace_is_that_of_the_second_half() {
        let start = Instant::now();
        let at: Vec<_> = [10, 500, 500, 600, 700]
            .map(|ms| start + Duration::from_millis(ms))
            .into();
        assert_eq!(
            pace(&at, start),
            json!({"first_ms": 10.0, "steady_rate": 10.0})
        );
    }
}
