//! What is run and what must come of it: `figures.toml`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::program::Program;

/// All runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(rename = "run")]
    pub(super) runs: Vec<Run>,
}

/// A case that each program goes through.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) title: String,
    pub(super) case: String,
    jobs: usize,
    /// How many jobs a quick comparison takes.
    #[serde(default = "quick_jobs")]
    quick: usize,
    #[serde(default)]
    pub(super) server: Persistence,
    /// The case that loads the server first.
    pub(super) load: Option<String>,
    #[serde(default)]
    pub(super) round_trip_ms: u64,
    /// Programs that have no such case.
    #[serde(default)]
    without: Vec<String>,
    /// Programs that go through few runs, and through this one.
    #[serde(default)]
    also: Vec<String>,
    /// How many jobs a program takes that can't take as many as the others.
    #[serde(default)]
    jobs_of: BTreeMap<String, usize>,
    environment: BTreeMap<String, String>,
    /// For the engine, and for bare scripts.
    #[serde(default)]
    ours: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) figures: Vec<Figure>,
}

/// What the server does for its data to outlast it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Persistence {
    /// Nothing.
    #[default]
    None,
    /// An append-only file that is synced every second.
    Aof,
}

/// One number of a run, and what it is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    /// Its name in the line.
    pub(super) of: String,
    #[serde(rename = "as")]
    pub(super) kind: Kind,
    /// The run whose number it is a share of.
    pub(super) base: Option<String>,
    /// Whether it is of a script that is for many jobs, which BullMQ's crate has not.
    #[serde(default)]
    pub(super) batch: bool,
    pub(super) goal: f64,
    pub(super) floor: f64,
    pub(super) limit: Option<f64>,
}

/// What a figure counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Ratio,
    Value,
    Share,
    OfDistance,
    RoundTrips,
}

fn quick_jobs() -> usize {
    200
}

impl Table {
    pub(super) fn read() -> Result<Self> {
        toml::from_str(include_str!("../../figures.toml")).context("figures.toml can't be read")
    }

    /// Leaves out all but one group, or one run, and the runs that it needs.
    pub(super) fn keep_only(&mut self, only: &str) -> Result<()> {
        let groups: Vec<_> = self.runs.iter().map(|run| run.group.clone()).collect();
        let is_wanted = |run: &Run| run.group == only || run.id == only;
        let bases: Vec<_> = self
            .runs
            .iter()
            .filter(|run| is_wanted(run))
            .flat_map(|run| run.figures.iter().filter_map(|figure| figure.base.clone()))
            .collect();
        self.runs
            .retain(|run| is_wanted(run) || bases.contains(&run.id));
        let mut groups = groups;
        groups.dedup();
        ensure!(
            !self.runs.is_empty(),
            "there is no group or run `{only}`; the groups are {}",
            groups.join(", ")
        );
        Ok(())
    }
}

impl Run {
    /// The programs that go through it, the one first that the others are compared with.
    pub(super) fn programs(&self) -> Vec<Program> {
        let is_in =
            |names: &[String], program: &Program| names.iter().any(|name| name == program.name());
        let has_it = |program: &Program| {
            if program.is_extra() {
                is_in(&self.also, program)
            } else {
                !is_in(&self.without, program)
            }
        };
        Program::ALL.into_iter().filter(has_it).collect()
    }

    /// The environment of a program, but for where the server is.
    pub(super) fn variables(&self, program: Program, is_quick: bool) -> BTreeMap<String, String> {
        let mut variables = self.environment.clone();
        if matches!(program, Program::Ours | Program::Bare) {
            variables.extend(self.ours.clone());
        }
        let mut jobs = *self.jobs_of.get(program.name()).unwrap_or(&self.jobs);
        if is_quick {
            jobs = jobs.min(self.quick);
            if let Some(rate) = self.number("BENCH_RATE") {
                jobs = jobs.min(rate.max(5));
            }
            if variables.contains_key("BENCH_DEPTH") {
                variables.insert("BENCH_DEPTH".to_owned(), (jobs * 2).to_string());
            }
            if variables.contains_key("BENCH_DELAY_MS") {
                variables.insert("BENCH_DELAY_MS".to_owned(), "1000".to_owned());
            }
        }
        variables.insert("BENCH_JOBS".to_owned(), jobs.to_string());
        variables
    }

    /// How many jobs are under way at a time.
    pub(super) fn concurrency(&self) -> f64 {
        self.number("BENCH_CONCURRENCY").unwrap_or(1) as f64
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.environment.get(name)?.parse().ok()
    }
}

impl Figure {
    /// Whether it is at least as good as this.
    pub(super) fn reaches(&self, value: f64, wanted: f64) -> bool {
        if self.goal >= self.floor && !self.less_is_better() {
            value >= wanted
        } else {
            value <= wanted
        }
    }

    fn less_is_better(&self) -> bool {
        self.goal < self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_is_a_run_and_every_run_has_a_name_of_its_own() {
        let table = Table::read().unwrap();
        let ids: Vec<_> = table.runs.iter().map(|run| run.id.as_str()).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{id}");
        }
        for figure in table.runs.iter().flat_map(|run| &run.figures) {
            let is_share = figure.kind == Kind::Share;
            assert_eq!(is_share, figure.base.is_some(), "{figure:?}");
            if let Some(base) = &figure.base {
                assert!(ids.contains(&base.as_str()), "{base}");
            }
        }
    }

    #[test]
    fn goals_lie_between_floor_and_limit() {
        for run in Table::read().unwrap().runs {
            for figure in &run.figures {
                assert!(figure.reaches(figure.goal, figure.floor), "{}", run.id);
                let limit = figure.limit.unwrap_or(figure.goal);
                assert!(figure.reaches(limit, figure.goal), "{}", run.id);
            }
        }
    }

    #[test]
    fn few_runs_have_all_programs() {
        let table = Table::read().unwrap();
        let run = |id: &str| table.runs.iter().find(|run| run.id == id).unwrap();
        assert_eq!(run("process-100").programs(), Program::ALL);
        assert_eq!(
            run("process-100").variables(Program::Apalis, false)["BENCH_JOBS"],
            "7000"
        );
        assert_eq!(
            run("process-100").variables(Program::Node, false)["BENCH_JOBS"],
            "100000"
        );
        assert_eq!(run("memory").programs(), [Program::Node, Program::Ours]);
        for run in &table.runs {
            for name in run
                .without
                .iter()
                .chain(&run.also)
                .chain(run.jobs_of.keys())
            {
                let is_known = Program::ALL.iter().any(|program| program.name() == name);
                assert!(is_known, "{} names `{name}`", run.id);
            }
        }
    }

    #[test]
    fn one_group_is_kept_with_what_it_is_compared_with() {
        let mut table = Table::read().unwrap();
        table.keep_only("far-20ms").unwrap();
        let ids: Vec<_> = table.runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["near-20ms", "far-20ms"]);
        let error = Table::read().unwrap().keep_only("nothing").unwrap_err();
        assert!(error.to_string().contains("the groups are add, addbulk"));
    }

    #[test]
    fn look_ahead_is_for_those_that_have_it_and_quick_runs_are_small() {
        let mut table = Table::read().unwrap();
        table.keep_only("process-1-ahead-50").unwrap();
        let run = &table.runs[0];
        assert_eq!(
            run.variables(Program::Ours, false)["BENCH_LOOK_AHEAD"],
            "50"
        );
        assert_eq!(
            run.variables(Program::Bare, false)["BENCH_LOOK_AHEAD"],
            "50"
        );
        let node = run.variables(Program::Node, true);
        assert!(!node.contains_key("BENCH_LOOK_AHEAD"));
        assert_eq!(node["BENCH_JOBS"], "200");
    }
}
