//! What is made of schedulers, and of options of their jobs, that others have written.

use super::series::{following, template_of};
use super::wire::{Recurrence, Scheduler};
use crate::engine::options::WireOptions;

/// 2026-11-24 08:12:44.676 UTC, and times that no clock shows.
const TIMES: [u64; 4] = [0, 1_795_507_964_676, 8_210_266_876_799_999, u64::MAX];

pub(in crate::engine) fn of_job(options: &WireOptions) {
    if let Some(recurrence) = Recurrence::of_job(options) {
        next(&recurrence);
    }
}

pub(in crate::engine) fn of_fields(fields: Vec<String>) {
    let Some(scheduler) = Scheduler::decode("a".to_owned(), 0, fields) else {
        return;
    };
    if let Some((recurrence, _)) = template_of(&scheduler) {
        next(&recurrence);
    }
}

fn next(recurrence: &Recurrence) {
    for time in TIMES {
        let next = recurrence.next_time(time);
        assert!(next.is_none_or(|next| next > time), "{time} {next:?}");
        let _ = recurrence.is_over(time);
    }
    let count = recurrence.count().unwrap_or_default();
    let _ = recurrence.is_exhausted_by(following(count));
    let _ = recurrence.fields();
}
