//! The tables, as they stand in `docs/performance.md`.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::program::Program;
use super::results::{Results, Spread};
use super::table::{Figure, Kind, Run, Table};

const BEGIN: &str = "<!-- figures: written by `just bench` -->";
const END: &str = "<!-- end of figures -->";

/// All tables, and where and how they were measured.
pub(super) fn render(table: &Table, results: &Results, about: &[String], rounds: u32) -> String {
    let mut text = String::new();
    for line in about {
        text.push_str(&format_line(line));
    }
    text.push_str(&format_line(&format!(
        "Medians of {rounds} rounds in which the programs took turns; what is compared was compared in \
         each round."
    )));
    text.push_str("\n### Goals\n\n");
    text.push_str(
        "| run | figure | official | bare scripts | measured | goal | floor | limit | verdict |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (run, figure) in figures(table) {
        let reached = |program| results.reached(run, figure, program);
        let cells = [
            run.title.clone(),
            label(figure),
            shown(reached(Program::Official)),
            shown(reached(Program::Bare)),
            shown(reached(Program::Ours)),
            number(figure.goal),
            number(figure.floor),
            shown(figure.limit),
            verdict(results, run, figure),
        ];
        text.push_str(&row(&cells));
    }
    text.push_str("\n### What was measured\n\n");
    text.push_str(
        "| run | program | jobs a second (range) | Valkey µs a job | client µs a job | calls a job \
         | scripts a job | script, ms, p99.9 (longest) | MB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for run in &table.runs {
        for program in run.programs() {
            text.push_str(&row(&measured(results, run, program)));
        }
    }
    text.push_str(
        "\n### How long jobs took, in milliseconds\n\n\
         | run | program | to the start, p50 | p99 | to completion, p50 | p99 (range) |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for run in table.runs.iter().filter(|run| run.case == "latency") {
        for program in run.programs() {
            text.push_str(&row(&times(results, run, program)));
        }
    }
    text
}

fn times(results: &Results, run: &Run, program: Program) -> [String; 6] {
    let spread = |of: &str| results.spread(&run.id, program, of);
    let median = |of: &str| shown(spread(of).map(|spread| spread.median));
    [
        run.title.clone(),
        program.name().to_owned(),
        median("pickup_p50_ms"),
        median("pickup_p99_ms"),
        median("done_p50_ms"),
        spread("done_p99_ms").map_or_else(|| "–".to_owned(), range),
    ]
}

fn format_line(line: &str) -> String {
    format!("- {line}\n")
}

fn measured(results: &Results, run: &Run, program: Program) -> [String; 9] {
    let spread = |of: &str| results.spread(&run.id, program, of);
    let median = |of: &str| shown(spread(of).map(|spread| spread.median));
    let holds = match (spread("hold_p999_ms"), spread("hold_longest_ms")) {
        (Some(p999), Some(longest)) => {
            format!("{} ({})", number(p999.median), number(longest.most))
        }
        _ => "–".to_owned(),
    };
    // Seconds for ten thousand jobs are a hundred times the microseconds for one.
    let micros = |of: &str| shown(spread(of).map(|spread| spread.median * 100.0));
    [
        run.title.clone(),
        program.name().to_owned(),
        spread("rate").map_or_else(|| "–".to_owned(), range),
        micros("server_cpu_s_per_10k"),
        micros("client_cpu_s_per_10k"),
        median("server_calls_per_job"),
        median("evalsha_per_job"),
        holds,
        median("rss_mb"),
    ]
}

fn figures(table: &Table) -> impl Iterator<Item = (&Run, &Figure)> {
    let each = |run| -> Vec<(&Run, &Figure)> { pairs(run) };
    table.runs.iter().flat_map(each)
}

fn pairs(run: &Run) -> Vec<(&Run, &Figure)> {
    run.figures.iter().map(|figure| (run, figure)).collect()
}

/// How many figures are below their floor, behind BullMQ's own crate, or were not measured.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// By the engine.
    pub(super) by_us: usize,
    /// By bare scripts too, so that it can't be reached where this was measured.
    pub(super) by_all: usize,
}

pub(super) fn missed(table: &Table, results: &Results) -> Missed {
    let mut missed = Missed::default();
    for (run, figure) in figures(table) {
        let reached = |program| results.reached(run, figure, program);
        let ours = reached(Program::Ours);
        let is_behind =
            ours.is_some_and(|ours| is_behind(figure, ours, reached(Program::Official)));
        let is_beyond_reach = is_reached(figure, reached(Program::Bare)) == Some(false);
        match is_reached(figure, ours) {
            Some(true) if !is_behind => {}
            Some(false) if !is_behind && is_beyond_reach => missed.by_all += 1,
            _ => missed.by_us += 1,
        }
    }
    missed
}

/// Whether the floor was reached; absent if it was not measured.
fn is_reached(figure: &Figure, reached: Option<f64>) -> Option<bool> {
    Some(figure.reaches(reached?, figure.floor))
}

fn label(figure: &Figure) -> String {
    let of = match figure.of.as_str() {
        "rate" => "jobs a second",
        "steady_rate" => "jobs a second, second half",
        "server_cpu_s_per_10k" => "Valkey CPU a job",
        "client_cpu_s_per_10k" => "client CPU a job",
        "server_calls_per_job" => "calls a job",
        "evalsha_per_job" => "scripts a job",
        "rss_mb" => "memory, MB",
        "bytes_per_waiting" => "a waiting job",
        "bytes_per_completed" => "a completed job",
        "done_p50_ms" => "p50",
        "done_p99_ms" => "p99",
        "pickup_p50_ms" => "pick-up, p50",
        "pickup_p99_ms" => "pick-up, p99, ms",
        "hold_p999_ms" => "a script's hold on Valkey, p99.9, ms",
        "commands_per_minute" => "commands a minute",
        "late_p50_ms" => "p50, ms",
        "late_p99_ms" => "p99, ms",
        "all_ms" => "all busy",
        other => other,
    };
    match figure.kind {
        Kind::Ratio => format!("{of} (Node = 1)"),
        Kind::Value => of.to_owned(),
        Kind::Share => format!("{of}, as a share of that at 0 ms"),
        Kind::OfDistance => format!("{of}, as a share of outstanding / round trip"),
        Kind::RoundTrips => format!("{of}, in round trips"),
    }
}

fn verdict(results: &Results, run: &Run, figure: &Figure) -> String {
    let reached = |program| results.reached(run, figure, program);
    let Some(ours) = reached(Program::Ours) else {
        let fault = results.faults().get(&(run.id.clone(), Program::Ours));
        return match fault {
            Some(fault) => format!("**not measured**: {fault}"),
            None => "**not measured**".to_owned(),
        };
    };
    let mut verdict = if figure.reaches(ours, figure.goal) {
        "goal reached"
    } else if figure.reaches(ours, figure.floor) {
        "above the floor"
    } else if is_reached(figure, reached(Program::Bare)) == Some(false) {
        "**below the floor**, as bare scripts are"
    } else {
        "**below the floor**"
    }
    .to_owned();
    if is_behind(figure, ours, reached(Program::Official)) {
        verdict.push_str(", **behind the official crate**");
    }
    verdict
}

/// Whether BullMQ's own crate reached more, which no figure may have.
fn is_behind(figure: &Figure, ours: f64, official: Option<f64>) -> bool {
    !figure.batch && official.is_some_and(|official| !figure.reaches(ours, official))
}

fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "/")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn range(spread: Spread) -> String {
    let [median, least, most] = [spread.median, spread.least, spread.most].map(number);
    format!("{median} ({least} to {most})")
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// As many places as tell something.
fn number(value: f64) -> String {
    let mut text = String::new();
    let places = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    write!(text, "{value:.places$}").expect("a text can always be written to");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}

/// Writes the tables into a document, in place of those between its markers.
pub(super) fn write(path: &Path, tables: &str) -> Result<()> {
    let document = std::fs::read_to_string(path)
        .with_context(|| format!("{} can't be read", path.display()))?;
    let document = replaced(&document, tables)
        .with_context(|| format!("{} has no lines `{BEGIN}` and `{END}`", path.display()))?;
    std::fs::write(path, document).with_context(|| format!("{} can't be written", path.display()))
}

fn replaced(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        tables.trim()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_tables_take_the_place_of_the_old_ones() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&document, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&new, "new").unwrap(), new);
        assert_eq!(replaced("no markers", "new"), None);
    }

    #[test]
    fn goal_floor_and_measured_stand_side_by_side_with_a_verdict() {
        let mut table = Table::read().unwrap();
        table.keep_only("add-1").unwrap();
        let mut results = Results::default();
        results.add("add-1", Program::Node, json!({"rate": 1000}));
        results.add("add-1", Program::Official, json!({"rate": 1100}));
        results.add(
            "add-1",
            Program::Ours,
            json!({"rate": 1200, "server_cpu_s_per_10k": 0.12}),
        );
        let text = render(&table, &results, &["a machine".to_owned()], 1);
        let goal = "| add, 1 outstanding | jobs a second (Node = 1) | 1.1 | – | 1.2 | 1.25 | 1.15 | \
                    1.3 | above the floor |";
        assert!(text.contains(goal), "{text}");
        assert!(
            text.contains("| ours | 1200 (1200 to 1200) | 12 |"),
            "{text}"
        );
        assert_eq!(missed(&table, &results), Missed::default());
        results.add_fault("add-1", Program::Ours, "it fell over".to_owned());
        let text = render(&table, &results, &[], 1);
        assert!(text.contains("**not measured**: it fell over"), "{text}");
        assert_eq!(missed(&table, &results).by_us, 1);
    }

    #[test]
    fn what_bare_scripts_miss_too_is_told_apart_from_what_the_engine_misses() {
        let mut table = Table::read().unwrap();
        table.keep_only("add-1").unwrap();
        let told = |bare: Option<i32>| {
            let mut results = Results::default();
            results.add("add-1", Program::Node, json!({"rate": 1000}));
            results.add("add-1", Program::Ours, json!({"rate": 1100}));
            if let Some(rate) = bare {
                results.add("add-1", Program::Bare, json!({"rate": rate}));
            }
            let text = render(&table, &results, &[], 1);
            (missed(&table, &results), text)
        };
        let by_us = Missed {
            by_us: 1,
            by_all: 0,
        };
        let (missed, text) = told(None);
        assert!(text.contains("| **below the floor** |"), "{text}");
        assert_eq!(missed, by_us);
        let (missed, text) = told(Some(1200));
        assert!(
            text.contains("| 1.2 | 1.1 | 1.25 | 1.15 | 1.3 | **below the floor** |"),
            "{text}"
        );
        assert_eq!(missed, by_us);
        let (missed, text) = told(Some(1149));
        assert!(
            text.contains("| **below the floor**, as bare scripts are |"),
            "{text}"
        );
        assert_eq!(
            missed,
            Missed {
                by_us: 0,
                by_all: 1
            }
        );
    }

    #[test]
    fn what_the_official_crate_does_better_is_told() {
        let mut table = Table::read().unwrap();
        table.keep_only("add-1").unwrap();
        let mut results = Results::default();
        results.add("add-1", Program::Node, json!({"rate": 1000}));
        results.add("add-1", Program::Official, json!({"rate": 1301}));
        results.add("add-1", Program::Ours, json!({"rate": 1300}));
        let text = render(&table, &results, &[], 1);
        let verdict = "| goal reached, **behind the official crate** |";
        assert!(text.contains(verdict), "{text}");
        assert_eq!(missed(&table, &results).by_us, 1);
    }

    #[test]
    fn a_script_for_many_jobs_is_not_compared_with_one_for_a_job() {
        let mut table = Table::read().unwrap();
        table.keep_only("process-100").unwrap();
        table.runs[0].figures.retain(|figure| figure.batch);
        let mut results = Results::default();
        results.add(
            "process-100",
            Program::Official,
            json!({"hold_p999_ms": 0.2}),
        );
        results.add("process-100", Program::Ours, json!({"hold_p999_ms": 1.0}));
        let text = render(&table, &results, &[], 1);
        assert!(text.contains("| goal reached |"), "{text}");
        assert_eq!(missed(&table, &results), Missed::default());
    }

    #[test]
    fn jobs_are_told_how_long_they_took() {
        let mut table = Table::read().unwrap();
        table.keep_only("latency-200").unwrap();
        let mut results = Results::default();
        for last in [2.0, 1.25] {
            let line = json!({"pickup_p50_ms": 0.2, "pickup_p99_ms": 0.5, "done_p50_ms": 0.4, "done_p99_ms": last});
            results.add("latency-200", Program::Ours, line);
        }
        let text = render(&table, &results, &[], 2);
        assert!(
            text.contains("| ours | 0.2 | 0.5 | 0.4 | 1.62 (1.25 to 2) |"),
            "{text}"
        );
    }

    #[test]
    fn numbers_have_as_many_places_as_tell_something() {
        let shown = [0.0512, 1.25, 2.0, 15.04, 120.4].map(number);
        assert_eq!(shown, ["0.051", "1.25", "2", "15", "120"]);
    }
}
