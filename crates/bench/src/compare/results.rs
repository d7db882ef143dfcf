//! What the programs printed, and what follows from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::program::Program;
use super::table::{Figure, Kind, Run};

/// The lines of all rounds.
#[derive(Default)]
pub(super) struct Results {
    lines: BTreeMap<(String, Program), Vec<Value>>,
    faults: BTreeMap<(String, Program), String>,
}

/// A number over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Results {
    pub(super) fn add(&mut self, run: &str, program: Program, line: Value) {
        let lines = self.lines.entry((run.to_owned(), program)).or_default();
        lines.push(line);
    }

    pub(super) fn add_fault(&mut self, run: &str, program: Program, fault: String) {
        self.faults.insert((run.to_owned(), program), fault);
    }

    /// Why programs failed, by run.
    pub(super) fn faults(&self) -> &BTreeMap<(String, Program), String> {
        &self.faults
    }

    /// A number of a run, unless a round of it failed.
    pub(super) fn spread(&self, run: &str, program: Program, of: &str) -> Option<Spread> {
        spread(self.numbers(run, program, of)?)
    }

    /// What a program reached of a figure: the median of what it did in each round.
    ///
    /// What is compared was measured in the same round, within minutes; from one round to the next
    /// the machine may have become faster or slower for all.
    pub(super) fn reached(&self, run: &Run, figure: &Figure, program: Program) -> Option<f64> {
        let numbers = |run: &str, program| self.numbers(run, program, &figure.of);
        let own = numbers(&run.id, program)?.into_iter();
        let round_trip = run.round_trip_ms as f64;
        let in_rounds = match figure.kind {
            Kind::Value => own.collect(),
            Kind::Ratio => quotients(own, numbers(&run.id, Program::Node)?),
            Kind::Share => quotients(own, numbers(figure.base.as_ref()?, program)?),
            Kind::OfDistance => own
                .map(|rate| rate * round_trip / 1e3 / run.concurrency())
                .collect(),
            Kind::RoundTrips => own.map(|millis| millis / round_trip).collect(),
        };
        let reached = spread(in_rounds)?.median;
        reached.is_finite().then_some(reached)
    }

    /// A number of a run in each round, unless a round of it failed.
    fn numbers(&self, run: &str, program: Program, of: &str) -> Option<Vec<f64>> {
        let key = (run.to_owned(), program);
        if self.faults.contains_key(&key) {
            return None;
        }
        let lines = self.lines.get(&key)?.iter();
        Some(lines.filter_map(|line| line[of].as_f64()).collect())
    }
}

fn quotients(numbers: impl Iterator<Item = f64>, of: Vec<f64>) -> Vec<f64> {
    numbers.zip(of).map(|(number, of)| number / of).collect()
}

fn spread(mut numbers: Vec<f64>) -> Option<Spread> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let median = if numbers.len() % 2 == 1 {
        *numbers.get(middle)?
    } else {
        numbers
            .get(middle.checked_sub(1)?)?
            .midpoint(numbers[middle])
    };
    Some(Spread {
        median,
        least: *numbers.first()?,
        most: *numbers.last()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compare::table::Table;

    #[test]
    fn the_median_is_the_middle_and_the_range_the_ends() {
        let odd = spread(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.least, odd.most), (2.0, 1.0, 3.0));
        let even = spread(vec![4.0, 1.0, 2.0, 3.0]).unwrap();
        assert!((even.median - 2.5).abs() < 1e-9);
        assert_eq!(spread(Vec::new()), None);
    }

    #[test]
    fn a_figure_counts_as_what_the_table_says() {
        let table = Table::read().unwrap();
        let run = |id: &str| table.runs.iter().find(|run| run.id == id).unwrap();
        let mut results = Results::default();
        results.add("add-1", Program::Node, json!({"rate": 100.0}));
        results.add("add-1", Program::Ours, json!({"rate": 130.0}));
        results.add("near-20ms", Program::Ours, json!({"steady_rate": 2000}));
        results.add("far-20ms", Program::Ours, json!({"steady_rate": 1500}));
        results.add("far-add", Program::Ours, json!({"rate": 2000}));
        results.add("far-ramp", Program::Ours, json!({"all_ms": 150.0}));
        let reached = |id: &str| {
            let run = run(id);
            results.reached(run, &run.figures[0], Program::Ours)
        };
        assert_eq!(reached("add-1"), Some(1.3));
        assert_eq!(reached("far-20ms"), Some(0.75));
        assert_eq!(reached("far-add"), Some(0.8));
        assert_eq!(reached("far-ramp"), Some(1.5));
        assert_eq!(reached("add-50"), None);
    }

    #[test]
    fn programs_are_compared_round_by_round() {
        let table = Table::read().unwrap();
        let run = table.runs.iter().find(|run| run.id == "add-1").unwrap();
        let mut results = Results::default();
        // The machine was slow in the first round, and three programs long in the last.
        for (node, ours) in [(50.0, 100.0), (100.0, 200.0), (60.0, 60.0)] {
            results.add("add-1", Program::Node, json!({ "rate": node }));
            results.add("add-1", Program::Ours, json!({ "rate": ours }));
        }
        let reached = results.reached(run, &run.figures[0], Program::Ours);
        assert_eq!(reached, Some(2.0));
    }

    #[test]
    fn a_round_that_failed_spoils_the_run() {
        let mut results = Results::default();
        results.add("add-1", Program::Ours, json!({"rate": 1.0}));
        results.add_fault("add-1", Program::Ours, "job 1 ran 2 times".to_owned());
        assert_eq!(results.spread("add-1", Program::Ours, "rate"), None);
    }
}
