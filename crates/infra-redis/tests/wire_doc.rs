//! `docs/wire.md` names a test for each statement about the wire, and those tests exist.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// How many statements there are.
const STATEMENTS: u32 = 84;

/// The tests of each statement, as `file::function` with files from this crate's folder.
fn table() -> BTreeMap<u32, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wire.md");
    let page = fs::read_to_string(path).unwrap();
    let mut table = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| C-")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, statement, tests] = cells[..] else {
            panic!("not three cells: {row}")
        };
        assert!(!statement.is_empty(), "{number} says nothing");
        let number = number.strip_prefix("C-").unwrap().parse().unwrap();
        // What stands between backticks.
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        let previous = table.insert(number, tests.collect());
        assert!(previous.is_none(), "C-{number} stands there twice");
    }
    table
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let heads = [format!("fn {name}("), format!("async fn {name}(")];
    let is_head = |line: &str| heads.iter().any(|head| line.starts_with(head));
    let Some(at) = lines.iter().position(|line| is_head(line)) else {
        return false;
    };
    let above = lines[..at].iter().rev();
    above
        .take_while(|line| line.starts_with('#') || line.starts_with("//"))
        .any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
}

#[test]
fn every_statement_has_tests_and_they_exist() {
    let table = table();
    let mut wrong = Vec::new();
    let mut sources = HashMap::new();
    for number in 1..=STATEMENTS {
        let tests = table.get(&number).map_or(&[][..], Vec::as_slice);
        if tests.is_empty() {
            wrong.push(format!("C-{number} has no test"));
        }
        for test in tests {
            let Some((file, name)) = test.split_once("::") else {
                wrong.push(format!("C-{number}: `{test}` is not file::function"));
                continue;
            };
            let source = sources.entry(file.to_owned()).or_insert_with(|| {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
                fs::read_to_string(path).unwrap_or_default()
            });
            if !has_test(source, name) {
                wrong.push(format!("C-{number}: there is no test `{test}`"));
            }
        }
    }
    let unknown = table
        .keys()
        .filter(|number| !(1..=STATEMENTS).contains(*number));
    wrong.extend(unknown.map(|number| format!("there is no statement C-{number}")));
    assert!(wrong.is_empty(), "docs/wire.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_function_that_is_no_test_does_not_count() {
    let source = "#[tokio::test]\nasync fn a_test() {}\n\nfn a_helper() {}\n";
    assert!(has_test(source, "a_test"));
    assert!(!has_test(source, "a_helper"));
    assert!(!has_test(source, "a_tes"));
}
