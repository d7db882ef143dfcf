//! `docs/security.md` names a test for each claim, and those tests exist.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

/// The claims: number, text and tests.
fn claims(page: &str) -> Vec<(u32, String, Vec<String>)> {
    let rows = page.lines().filter(|line| line.starts_with("| S-"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, claim, tests] = cells[..] else {
            panic!("not three cells: {row}")
        };
        let number = number.strip_prefix("S-").unwrap().parse().unwrap();
        // What stands between backticks.
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        (number, claim.to_owned(), tests.collect())
    })
    .collect()
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let heads = [format!("fn {name}("), format!("async fn {name}(")];
    let is_head = |line: &str| heads.iter().any(|head| line.starts_with(head));
    let is_test = |at: usize| {
        let above = lines[..at].iter().rev();
        above
            .take_while(|line| line.starts_with('#') || line.starts_with("//"))
            .any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    };
    (0..lines.len()).any(|at| is_head(lines[at]) && is_test(at))
}

#[test]
fn every_claim_has_tests_and_they_exist() {
    let claims = claims(&read("docs/security.md"));
    let numbers: Vec<_> = claims.iter().map(|(number, ..)| *number).collect();
    let expected: Vec<_> = (1..=u32::try_from(claims.len()).unwrap()).collect();
    assert_eq!(numbers, expected, "claims are numbered in their order");
    assert!(!claims.is_empty());

    let mut wrong = Vec::new();
    for (number, claim, tests) in claims {
        if claim.is_empty() || tests.is_empty() {
            wrong.push(format!("S-{number} has no claim or no test"));
        }
        for test in tests {
            let found = test
                .split_once("::")
                .is_some_and(|(file, name)| has_test(&read(file), name));
            if !found {
                wrong.push(format!("S-{number}: there is no test `{test}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/security.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_function_that_is_no_test_does_not_count() {
    let source = "fn a_test() {}\n\n#[tokio::test]\nasync fn a_test() {}\n\nfn a_helper() {}\n";
    assert!(has_test(source, "a_test"));
    assert!(!has_test(source, "a_helper"));
    assert!(!has_test(source, "a_tes"));
}

#[test]
fn every_corpus_of_the_fuzzer_has_a_row_and_a_test() {
    let readme = read("fuzz/README.md");
    let rows: BTreeSet<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = fs::read_dir(root.join("fuzz/corpus")).unwrap();
    let names: Vec<_> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(rows, names.iter().map(String::as_str).collect());

    let tests = [
        "apps/process/tests/security/hostile.rs",
        "apps/web/tests/api/hostile.rs",
        "apps/cli/src/commands/flow/document.rs",
        "apps/cli/src/demo/bookmarks.rs",
        "crates/infra-redis/src/engine/untrusted.rs",
    ];
    let sources: String = tests.map(read).concat();
    for name in &names {
        let call = format!("withstands(\"{name}\"");
        assert!(sources.contains(&call), "nothing withstands `{name}`");
    }
}

#[test]
fn tokens_are_compared_in_constant_time() {
    let source = read("crates/application/src/curators.rs");
    let (_, authenticate) = source.split_once("pub async fn authenticate").unwrap();
    let (body, _) = authenticate.split_once("\n    }\n").unwrap();
    assert!(body.contains(".ct_eq("), "{body}");
    assert!(!body.contains("=="), "{body}");
    let source = read("crates/application/src/operators.rs");
    let (_, admits) = source.split_once("pub fn admits").unwrap();
    let (body, _) = admits.split_once("\n    }\n").unwrap();
    assert!(body.contains(".ct_eq(") && !body.contains("=="), "{body}");
}

#[test]
fn ci_looks_at_dependencies() {
    let ci = read(".github/workflows/ci.yml");
    assert!(
        ci.lines().any(|line| line.trim() == "cargo deny check"),
        "{ci}"
    );
    let deny = read("deny.toml");
    for rule in [
        "yanked = \"deny\"",
        "unknown-registry = \"deny\"",
        "unknown-git = \"deny\"",
        "{ crate = \"ring\"",
        "{ crate = \"openssl-sys\"",
    ] {
        assert!(deny.contains(rule), "deny.toml has no {rule}");
    }
    // An advisory that is passed over is a decision, and there is none.
    assert!(!deny.contains("\nignore = "), "an advisory is ignored");
}
