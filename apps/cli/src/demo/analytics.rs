//! What the analytics must have counted because of the demo.
//!
//! Reading them takes a token, so the first of the demo's own registrations comes before the first
//! look, and nobody can tell whether it was counted by then; except where nothing else was, as on a
//! fresh system. There the counts must be exact. Elsewhere somebody else may add to them.

use std::collections::BTreeMap;

use super::report::{Check, Worker};
use super::session::Totals;

/// Registered curators, as the analytics call them.
pub(super) const REGISTERED: &str = "CuratorRegistered";

/// What was counted at the first look, and what the demo has caused since then.
#[derive(Debug)]
pub(super) struct Ledger {
    before: BTreeMap<String, u64>,
    is_fresh: bool,
    caused: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// A ledger whose first look came after one registration of the demo's own.
    pub(super) fn opened_after_registering(totals: Totals) -> Self {
        let registered = totals.by_type.get(REGISTERED).copied().unwrap_or(0);
        let is_fresh = totals.total == registered && registered <= 1;
        Self {
            before: if is_fresh {
                BTreeMap::new()
            } else {
                totals.by_type
            },
            is_fresh,
            caused: BTreeMap::from([(REGISTERED, 1)]),
        }
    }

    /// Notes that the demo caused events of a type.
    pub(super) fn add(&mut self, kind: &'static str, events: usize) {
        *self.caused.entry(kind).or_default() += events as u64;
    }

    /// How many events are surely not counted yet.
    pub(super) fn missing(&self, totals: &Totals) -> usize {
        let missing = self.caused.keys().map(|kind| {
            let (least, _) = self.bounds(kind);
            least.saturating_sub(self.rise(totals, kind))
        });
        usize::try_from(missing.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Whether everything was counted, and on a fresh system nothing else.
    pub(super) fn check(&self, totals: &Totals) -> Check {
        let mut counted = Vec::new();
        let mut problems = Vec::new();
        let mut is_exact = true;
        for kind in self.kinds(totals) {
            let rise = self.rise(totals, kind);
            let (least, most) = self.bounds(kind);
            if rise > 0 || most > 0 {
                counted.push(format!("{rise} {kind}"));
            }
            is_exact &= (least..=most).contains(&rise);
            if rise < least {
                problems.push(format!("{rise} {kind} instead of {least}"));
            } else if rise > most && self.is_fresh {
                problems.push(format!("{rise} {kind}, and only {most} happened"));
            } else if rise < most {
                counted.push("1 more before the first look".to_owned());
            }
        }
        let what = if is_exact || !problems.is_empty() {
            "The analytics counted each event exactly once"
        } else {
            "The analytics counted each event, and some of others"
        };
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        Check::new(what, Worker::Analytics, problem).finding(counted.join(", "))
    }

    /// What others do is of interest only where there can't be others.
    fn kinds<'a>(&'a self, totals: &'a Totals) -> impl Iterator<Item = &'a str> {
        let seen = totals.by_type.keys().map(String::as_str);
        let by_others = seen.filter(|kind| self.is_fresh && !self.caused.contains_key(kind));
        self.caused.keys().copied().chain(by_others)
    }

    fn bounds(&self, kind: &str) -> (u64, u64) {
        let caused = self.caused.get(kind).copied().unwrap_or(0);
        if kind == REGISTERED && !self.is_fresh {
            (caused.saturating_sub(1), caused)
        } else {
            (caused, caused)
        }
    }

    fn rise(&self, totals: &Totals, kind: &str) -> u64 {
        let of = |counts: &BTreeMap<String, u64>| counts.get(kind).copied().unwrap_or(0);
        of(&totals.by_type).saturating_sub(of(&self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(registered: u64, added: u64, followed: u64) -> Totals {
        Totals {
            total: registered + added + followed,
            by_type: BTreeMap::from([
                (REGISTERED.to_owned(), registered),
                ("CardAddedToLibrary".to_owned(), added),
                ("CuratorFollowed".to_owned(), followed),
            ]),
        }
    }

    fn ledger(before: Totals) -> Ledger {
        let mut ledger = Ledger::opened_after_registering(before);
        ledger.add(REGISTERED, 2);
        ledger.add("CardAddedToLibrary", 25);
        ledger
    }

    #[track_caller]
    fn check(ledger: &Ledger, totals: &Totals, missing: usize, expected: Result<&str, &str>) {
        assert_eq!(ledger.missing(totals), missing);
        let check = ledger.check(totals);
        let found = match &check.problem {
            Some(problem) => Err(problem.as_str()),
            None => Ok(check.what.as_str()),
        };
        assert_eq!(found, expected);
    }

    const EXACT: Result<&str, &str> = Ok("The analytics counted each event exactly once");
    const MORE: Result<&str, &str> = Ok("The analytics counted each event, and some of others");

    #[test]
    fn on_a_fresh_system_the_counts_are_exact() {
        for before in [totals(0, 0, 0), totals(1, 0, 0)] {
            let ledger = ledger(before);
            check(&ledger, &totals(3, 25, 0), 0, EXACT);
            let late = Err("2 CuratorRegistered instead of 3");
            check(&ledger, &totals(2, 25, 0), 1, late);
            let wrong = Err("24 CardAddedToLibrary instead of 25; \
                             4 CuratorRegistered, and only 3 happened; \
                             1 CuratorFollowed, and only 0 happened");
            check(&ledger, &totals(4, 24, 1), 1, wrong);
        }
    }

    #[test]
    fn elsewhere_others_may_add_to_them() {
        let ledger = ledger(totals(10, 100, 7));
        check(&ledger, &totals(13, 125, 7), 0, EXACT);
        check(&ledger, &totals(13, 125, 9), 0, EXACT);
        check(&ledger, &totals(14, 126, 7), 0, MORE);
        let missing = Err("1 CardAddedToLibrary instead of 25");
        check(&ledger, &totals(13, 101, 7), 24, missing);
    }

    #[test]
    fn the_first_registration_may_have_been_counted_before_the_first_look() {
        let ledger = ledger(totals(10, 100, 7));
        let totals = totals(12, 125, 7);
        check(&ledger, &totals, 0, EXACT);
        assert_eq!(
            ledger.check(&totals).detail.unwrap(),
            "25 CardAddedToLibrary, 2 CuratorRegistered, 1 more before the first look"
        );
    }
}
