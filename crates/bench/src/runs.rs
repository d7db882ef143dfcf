//! Counts how often each job ran.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How often each job ran, by the number in its data.
pub(crate) struct Runs {
    counts: Vec<AtomicU32>,
    /// Runs of jobs that this run did not load.
    strangers: AtomicUsize,
}

impl Runs {
    pub(crate) fn of(jobs: usize) -> Self {
        Self {
            counts: (0..jobs).map(|_| AtomicU32::new(0)).collect(),
            strangers: AtomicUsize::new(0),
        }
    }

    pub(crate) fn note(&self, job: usize) {
        match self.counts.get(job) {
            Some(count) => drop(count.fetch_add(1, Ordering::Relaxed)),
            None => drop(self.strangers.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// What is wrong, if a job that ran did not run exactly `times`, or fewer than `jobs` ran.
    pub(crate) fn fault(&self, jobs: usize, times: u32) -> Option<String> {
        let strangers = self.strangers.load(Ordering::Relaxed);
        if strangers > 0 {
            return Some(format!("{strangers} jobs ran that nobody had loaded"));
        }
        let mut ran = 0;
        for (job, count) in self.counts.iter().enumerate() {
            match count.load(Ordering::Relaxed) {
                0 => {}
                count if count == times => ran += 1,
                count => return Some(format!("job {job} ran {count} times, not {times}")),
            }
        }
        (ran < jobs).then(|| format!("{ran} jobs ran of {jobs}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_ran_twice_or_never_is_found() {
        let runs = Runs::of(3);
        runs.note(0);
        runs.note(1);
        assert_eq!(runs.fault(3, 1).unwrap(), "2 jobs ran of 3");
        assert_eq!(runs.fault(2, 1), None);
        runs.note(1);
        assert_eq!(runs.fault(2, 1).unwrap(), "job 1 ran 2 times, not 1");
        runs.note(7);
        assert!(runs.fault(2, 1).unwrap().contains("nobody had loaded"));
    }

    #[test]
    fn a_job_may_have_to_run_more_than_once() {
        let runs = Runs::of(1);
        (0..3).for_each(|_| runs.note(0));
        assert_eq!(runs.fault(1, 3), None);
    }
}
