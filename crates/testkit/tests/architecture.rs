//! The borders between the crates, as the architecture draws them. `deny.toml` holds those to the
//! outside: who may depend on which foreign crate.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each crate of the workspace is built from, of the workspace's crates. Arrows point inwards
/// only: an edge that is missing here is a decision, and belongs in the architecture's picture.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("application", &["domain"]),
    ("infra-redis", &["application", "domain"]),
    ("infra-sql", &["domain"]),
    ("telemetry", &[]),
    ("testkit", &["domain"]),
    ("bench", &["infra-redis"]),
    (
        "chaos",
        &[
            "application",
            "domain",
            "infra-redis",
            "infra-sql",
            "testkit",
        ],
    ),
    (
        "process",
        &[
            "application",
            "domain",
            "infra-redis",
            "infra-sql",
            "telemetry",
        ],
    ),
    (
        "web",
        &[
            "application",
            "domain",
            "infra-redis",
            "process",
            "telemetry",
        ],
    ),
    ("notification-worker", &["application", "process"]),
    ("feed-worker", &["application", "process"]),
    ("analytics-worker", &["application", "process"]),
    (
        "cli",
        &[
            "application",
            "domain",
            "infra-redis",
            "process",
            "telemetry",
        ],
    ),
];

/// Crates that reach outside the process, or run what does. None may be below the domain.
const IO_CRATES: &[&str] = &[
    "async-io",
    "async-std",
    "aws-lc-rs",
    "axum",
    "curl",
    "fred",
    "h2",
    "hyper",
    "lettre",
    "libsqlite3-sys",
    "mio",
    "native-tls",
    "openssl",
    "polling",
    "redis",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "sqlx-core",
    "tempfile",
    "tokio",
    "tokio-util",
    "tower",
    "tower-http",
    "ureq",
];

/// Who may name a foreign crate in source: these files and folders, and nobody else.
const OWNERS: &[(&str, &[&str])] = &[
    (
        "fred",
        &[
            "crates/infra-redis/src/engine/connection.rs",
            "crates/infra-redis/src/engine/connection/",
            "crates/infra-redis/src/engine/scripts.rs",
        ],
    ),
    (
        "sqlx",
        &[
            "crates/infra-sql/",
            "crates/testkit/src/postgres/",
            "crates/testkit/src/sql.rs",
        ],
    ),
    ("axum", &["apps/web/", "crates/telemetry/"]),
    (
        "testcontainers",
        &["crates/testkit/src/postgres/", "crates/testkit/src/valkey/"],
    ),
];

/// The most lines a file may have.
const MOST_LINES: usize = 500;

/// Files that may have more, and why.
const LONG_FILES: &[(&str, &str)] = &[
    (
        "crates/infra-redis/tests/interop_maintenance.rs",
        "two clients side by side, an operation a step",
    ),
    (
        "crates/infra-redis/tests/scripts/settle_and_fetch.rs",
        "each script has one test file, and this is the script that does the most",
    ),
];

/// Files that may read the environment themselves, and why.
const READ_THE_ENVIRONMENT: &[(&str, &str)] = &[(
    "apps/cli/src/commands/demo.rs",
    "`NO_COLOR` is a wish that terminals have for every program, and no setting of this one",
)];

#[test]
fn the_crates_depend_on_each_other_as_the_picture_shows_and_in_no_other_way() {
    let metadata = metadata();
    let found: BTreeMap<_, _> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let edges = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal)
                .filter(|dependency| dependency.path.is_some())
                .map(|dependency| dependency.name.as_str());
            (package.name.as_str(), edges.collect::<BTreeSet<_>>())
        })
        .collect();
    let wanted: BTreeMap<_, _> = EDGES
        .iter()
        .map(|(name, edges)| (*name, edges.iter().copied().collect()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn the_testkit_is_for_tests_alone() {
    // The chaos run is a test that is a program, because it takes long and has settings.
    let is_test = |name: &str| name == "chaos";
    for package in metadata().workspace_packages() {
        if is_test(package.name.as_str()) {
            continue;
        }
        for dependency in &package.dependencies {
            assert!(
                dependency.name != "testkit" || dependency.kind == DependencyKind::Development,
                "{} depends on testkit, but not as a dev-dependency",
                package.name
            );
        }
    }
}

#[test]
fn nothing_below_the_domain_performs_input_or_output() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "domain", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        names.contains("domain") && names.contains("serde"),
        "no tree: {}",
        String::from_utf8_lossy(&tree.stderr)
    );
    for name in IO_CRATES {
        assert!(!names.contains(name), "the domain is built on {name}");
    }
}

#[test]
fn the_domain_uses_nothing_of_the_standard_library_that_reaches_outside() {
    for module in ["env", "fs", "io", "net", "process", "thread"] {
        let path = format!("std::{module}");
        let users = files_that(&["crates/domain/src"], |code| has_word(code, &path));
        assert_eq!(users, [""; 0], "{path}");
    }
}

#[test]
fn a_foreign_crate_is_named_by_its_owner_alone() {
    for (name, owners) in OWNERS {
        let strangers: Vec<_> = files_that(&["crates", "apps"], |code| has_word(code, name))
            .into_iter()
            .filter(|file| !owners.iter().any(|owner| file.starts_with(owner)))
            .filter(|file| file != "crates/testkit/tests/architecture.rs")
            .collect();
        assert_eq!(strangers, [""; 0], "`{name}` belongs to {owners:?}");
    }
}

#[test]
fn the_engine_knows_nothing_of_what_its_jobs_are_about() {
    let engine = [
        "crates/infra-redis/src/engine.rs",
        "crates/infra-redis/src/engine",
    ];
    for name in [
        "domain",
        "application",
        "crate::consumer",
        "crate::publisher",
        "infra_redis::consumer",
        "infra_redis::publisher",
    ] {
        let users = files_that(&engine, |code| has_word(code, name));
        assert_eq!(users, [""; 0], "{name}");
    }
}

#[test]
fn settings_come_from_clap_and_not_from_the_environment() {
    let sources = [
        "crates/domain/src",
        "crates/application/src",
        "crates/infra-redis/src",
        "crates/infra-sql/src",
        "crates/telemetry/src",
        "apps",
    ];
    let is_allowed = |file: &String| {
        file.contains("/tests/") || READ_THE_ENVIRONMENT.iter().any(|(path, _)| file == path)
    };
    for call in ["env::var", "env::vars", "env::var_os", "env::vars_os"] {
        let mut readers = files_that(&sources, |code| has_word(code, call));
        readers.retain(|file| !is_allowed(file));
        assert_eq!(readers, [""; 0], "`{call}`");
    }
}

#[test]
fn no_file_is_long_without_a_reason() {
    let source = |file: &Path| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        // The shell scripts that people run have no extension.
        let extension = extension.unwrap_or("sh");
        ["rs", "lua", "sql", "js", "css", "html", "sh"].contains(&extension)
    };
    let mut long = Vec::new();
    for file in files_under(&root(), &["crates", "apps", "scripts"]) {
        if source(&file) && fs::read_to_string(&file).unwrap().lines().count() > MOST_LINES {
            long.push(relative(&file));
        }
    }
    let mut allowed: Vec<_> = LONG_FILES
        .iter()
        .map(|(path, _)| (*path).to_owned())
        .collect();
    allowed.sort();
    long.sort();
    assert_eq!(
        long, allowed,
        "files of more than {MOST_LINES} lines are two files, or have a reason here"
    );
}

/// What Cargo knows without resolving anything, and so without a network.
fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

fn root() -> PathBuf {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.join("../..").canonicalize().unwrap()
}

/// The Rust files under these places whose code, without its comments, is like this.
fn files_that(places: &[&str], is_like_this: impl Fn(&str) -> bool) -> Vec<String> {
    let mut files: Vec<_> = files_under(&root(), places)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .filter(|file| is_like_this(&without_comments(&fs::read_to_string(file).unwrap())))
        .map(|file| relative(&file))
        .collect();
    files.sort();
    files
}

fn files_under(root: &Path, places: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left: Vec<_> = places.iter().map(|place| root.join(place)).collect();
    while let Some(path) = left.pop() {
        if path.is_file() {
            found.push(path);
        } else if path.file_name().is_none_or(|name| name != "node_modules") {
            let entries = fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    assert!(!found.is_empty(), "there is nothing in {places:?}");
    found
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

fn without_comments(source: &str) -> String {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in the code, and not as a part of another word.
fn has_word(code: &str, word: &str) -> bool {
    let is_part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(is_part_of_word)
            && !code[at + word.len()..].starts_with(is_part_of_word)
    })
}

#[test]
fn words_are_found_where_they_stand_alone() {
    assert!(has_word("use fred::Client;", "fred"));
    assert!(has_word("fred", "fred"));
    assert!(!has_word("let alfred = 1; let fred_2 = 2;", "fred"));
    assert!(!has_word(
        &without_comments("/// fred\n  // fred\n"),
        "fred"
    ));
    assert!(has_word("std::env::var(\"A\")", "env::var"));
    assert!(!has_word("std::env::var_os(\"A\")", "env::var"));
}
