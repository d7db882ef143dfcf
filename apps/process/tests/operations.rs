//! What operators read and deploy, held against the programs themselves: `docs/operations.md`, the
//! files in `deploy/`, and `scripts/up`.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use application::queues::parse_duration;
use serde_norway::Value as Yaml;
use testkit::port::free_port;
use testkit::program::{Program, binary};
use toml::{Table, Value as Toml};

/// The programs that run until they are stopped.
const PROCESSES: [&str; 4] = [
    "web",
    "notification-worker",
    "feed-worker",
    "analytics-worker",
];

const CLI: &str = "bellwether";

/// What stands before a program's help in the docs, and after its name.
const MARK: (&str, &str) = ("<!-- help: ", " -->\n");

/// What stands around the help itself.
const FENCE: (&str, &str) = ("```text\n", "```\n");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a program, or one of its subcommands, says about itself in an empty environment.
fn help(command: &str) -> String {
    let mut words = command.split(' ');
    let output = Command::new(binary(words.next().unwrap()).unwrap())
        .args(words)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{command} --help: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // Editors take the white space at the ends of lines away.
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// Everything that has a help of its own.
fn commands() -> Vec<String> {
    let mut commands: Vec<_> = PROCESSES.map(str::to_owned).into();
    commands.push(CLI.to_owned());
    let cli = help(CLI);
    let (_, list) = cli.split_once("Commands:\n").unwrap();
    let subcommands = list
        .lines()
        .take_while(|line| !line.is_empty())
        // What a subcommand does may take several lines, which are indented further.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help");
    commands.extend(subcommands.map(|name| format!("{CLI} {name}")));
    commands
}

/// The flags that a help names, as `--log-format`.
fn flags(help: &str) -> BTreeSet<&str> {
    help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--"))
        .collect()
}

/// The variables that a help names, as `LOG_FORMAT`.
fn variables(help: &str) -> BTreeSet<&str> {
    help.split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(['=', ']']).next())
        .collect()
}

/// The variables that any program reads.
fn all_variables() -> BTreeSet<String> {
    let helps = commands().into_iter().map(|command| help(&command));
    helps
        .flat_map(|help| {
            variables(&help)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Asserts that a command line, its program's name first, asks for nothing that isn't there.
fn assert_understood(command: &[String], place: &str) {
    let known = if command[0] == CLI {
        help(&command[..2].join(" "))
    } else {
        help(&command[0])
    };
    for word in command.iter().filter(|word| word.starts_with("--")) {
        let flag = word.split('=').next().unwrap();
        assert!(
            flags(&known).contains(flag),
            "{place} gives {flag} to {}, which has no such flag",
            command[0]
        );
    }
}

fn assert_variables_exist<'a>(names: impl IntoIterator<Item = &'a str>, place: &str) {
    let known = all_variables();
    for name in names {
        assert!(
            known.contains(name),
            "{place} sets {name}, which no program reads"
        );
    }
}

/// The port of an address such as `[::]:8080`.
fn port(address: &str) -> i64 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn duration(text: &str) -> Duration {
    parse_duration(text).unwrap_or_else(|| panic!("`{text}` is no duration"))
}

/// The path that a program has in the image, with the program.
fn in_image() -> Vec<(String, String)> {
    let dockerfile = read("deploy/Dockerfile");
    assert!(dockerfile.contains("COPY --from=build /app /app\n"));
    let copied = dockerfile
        .lines()
        .find_map(|line| line.trim().strip_prefix("&& cp "))
        .unwrap();
    let mut words: Vec<_> = copied.split(' ').collect();
    assert_eq!(words.pop(), Some("/app/"));
    words
        .into_iter()
        .map(|name| (format!("/app/{name}"), name.to_owned()))
        .collect()
}

/// A command line with the program's name in place of its path in the image.
fn as_program(command: &str, place: &str) -> Vec<String> {
    let mut words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
    let image = in_image();
    let found = image.iter().find(|(path, _)| *path == words[0]);
    let (_, name) =
        found.unwrap_or_else(|| panic!("{place} runs {}, which the image has not", words[0]));
    words[0].clone_from(name);
    words
}

fn fly() -> Table {
    read("deploy/fly/fly.toml").parse().unwrap()
}

fn compose() -> Yaml {
    let mut compose: Yaml = serde_norway::from_str(&read("deploy/compose.yaml")).unwrap();
    compose.apply_merge().unwrap();
    compose
}

/// The services that run our image, by name.
fn our_services(compose: &Yaml) -> Vec<(&str, &Yaml)> {
    let services = compose["services"].as_mapping().unwrap();
    services
        .iter()
        .filter(|(_, service)| service["image"] == "bellwether")
        .map(|(name, service)| (name.as_str().unwrap(), service))
        .collect()
}

fn yaml_words(list: &Yaml) -> Vec<&str> {
    let words = list.as_sequence().unwrap().iter();
    words.map(|word| word.as_str().unwrap()).collect()
}

/// The process groups that a table of `fly.toml` is about.
fn groups(table: &Toml) -> Vec<&str> {
    let groups = table["processes"].as_array().unwrap().iter();
    groups.map(|group| group.as_str().unwrap()).collect()
}

fn array<'a>(table: &'a Table, key: &str) -> &'a [Toml] {
    table[key].as_array().unwrap()
}

#[test]
fn the_docs_show_the_help_of_every_program() {
    let path = "docs/operations.md";
    let found = read(path);
    let mut wanted = String::new();
    let mut shown = Vec::new();
    let mut rest = found.as_str();
    while let Some((before, after)) = rest.split_once(MARK.0) {
        let (command, block) = after.split_once(MARK.1).unwrap();
        let block = block.strip_prefix(FENCE.0).unwrap();
        let (_, after) = block.split_once(FENCE.1).unwrap();
        wanted.push_str(before);
        wanted.extend([MARK.0, command, MARK.1, FENCE.0, &help(command), FENCE.1]);
        shown.push(command.to_owned());
        rest = after;
    }
    wanted.push_str(rest);
    assert_eq!(shown, commands(), "which help {path} shows, in this order");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(root().join(path), wanted).unwrap();
    } else {
        assert!(
            found == wanted,
            "{path} shows another help than the programs print; \
             UPDATE_DOCS=1 cargo test -p process --test operations writes what they print"
        );
    }
}

#[test]
fn the_docs_name_no_variable_that_nobody_reads() {
    let docs = read("docs/operations.md");
    let known = all_variables();
    // In running text, variables stand in backticks, alone or with a value.
    let named = docs.split('`').skip(1).step_by(2);
    let named: BTreeSet<_> = named
        .filter_map(|code| code.split('=').next())
        .filter(|word| {
            word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
        .map(str::to_owned)
        .collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    // Rust's own runtime reads that one.
    assert_eq!(unknown, ["RUST_BACKTRACE"]);
}

#[test]
fn the_image_has_every_program_and_starts_one_of_them() {
    let programs: BTreeSet<_> = in_image().into_iter().map(|(_, name)| name).collect();
    let wanted: BTreeSet<_> = PROCESSES.into_iter().chain([CLI]).collect();
    assert!(programs.iter().eq(&wanted), "{programs:?}");
    for name in &programs {
        binary(name).unwrap();
    }
    let dockerfile = read("deploy/Dockerfile");
    let start = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("CMD "))
        .unwrap();
    let start: Vec<String> = serde_json::from_str(start).unwrap();
    let start = as_program(&start.join(" "), "deploy/Dockerfile");
    assert_understood(&start, "deploy/Dockerfile");
    let set = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ENV ")?.split('=').next());
    assert_variables_exist(set, "deploy/Dockerfile");
}

#[test]
fn compose_runs_every_process_with_settings_that_it_has() {
    let compose = compose();
    let services = our_services(&compose);
    let names: BTreeSet<_> = services.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, BTreeSet::from(PROCESSES));
    for (name, service) in services {
        let command = yaml_words(&service["command"]).join(" ");
        let command = as_program(&command, name);
        assert_eq!(command[0], name, "a service goes by its program's name");
        assert_understood(&command, name);

        let environment = service["environment"].as_mapping().unwrap();
        assert_variables_exist(environment.keys().map(|key| key.as_str().unwrap()), name);

        let value = |key: &str| environment[key].as_str().unwrap();
        let grace = service["stop_grace_period"].as_str().unwrap();
        assert!(
            duration(grace) > duration(value("SHUTDOWN_TIMEOUT")),
            "{name} is killed while it drains"
        );
        let asks = yaml_words(&service["healthcheck"]["test"]).join(" ");
        let ops = format!("/dev/tcp/127.0.0.1/{}", port(value("OPS_ADDR")));
        assert!(asks.contains(&ops), "{name}: {asks}");
        assert!(asks.contains("GET /readyz HTTP"), "{name}: {asks}");
        if name == "web" {
            for published in yaml_words(&service["ports"]) {
                assert_eq!(port(published), port(value("HTTP_ADDR")));
            }
        }
    }
}

#[test]
fn fly_runs_every_process_with_settings_that_it_has() {
    let fly = fly();
    let processes = fly["processes"].as_table().unwrap();
    let names: BTreeSet<_> = processes.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(PROCESSES));
    for (name, command) in processes {
        let command = as_program(command.as_str().unwrap(), name);
        assert_eq!(command[0], *name, "a group goes by its program's name");
        assert_understood(&command, name);
    }
    let release = fly["deploy"]["release_command"].as_str().unwrap();
    let release = as_program(release, "release_command");
    assert_eq!(release[..2], [CLI, "migrate"]);
    assert_understood(&release, "release_command");

    let environment = fly["env"].as_table().unwrap();
    assert_variables_exist(environment.keys().map(String::as_str), "[env]");
    let drain = duration(environment["SHUTDOWN_TIMEOUT"].as_str().unwrap());
    let limit = fly["kill_timeout"].as_integer().unwrap().unsigned_abs();
    assert!(
        Duration::from_secs(limit) > drain,
        "processes are killed while they drain"
    );
}

#[test]
fn fly_watches_measures_and_sizes_every_process() {
    let fly = fly();
    let environment = fly["env"].as_table().unwrap();
    let api = port(environment["HTTP_ADDR"].as_str().unwrap());
    let ops = port(environment["OPS_ADDR"].as_str().unwrap());
    let service = &fly["http_service"];
    assert_eq!(service["internal_port"].as_integer(), Some(api));

    let mut watched = BTreeSet::new();
    if !service["checks"].as_array().unwrap().is_empty() {
        watched.extend(groups(service));
    }
    for (name, check) in fly["checks"].as_table().unwrap() {
        assert_eq!(check["port"].as_integer(), Some(ops), "[checks.{name}]");
        watched.extend(groups(check));
    }
    let mut measured = BTreeSet::new();
    for entry in array(&fly, "metrics") {
        assert_eq!(entry["port"].as_integer(), Some(ops), "[[metrics]]");
        measured.extend(groups(entry));
    }
    let restarted = array(&fly, "restart").iter().flat_map(groups);
    let sized = array(&fly, "vm")
        .iter()
        .filter(|vm| vm.get("size").is_some() && vm.get("memory").is_some())
        .flat_map(groups);
    let all = BTreeSet::from(PROCESSES);
    assert_eq!(watched, all, "with a check");
    assert_eq!(measured, all, "with metrics");
    assert_eq!(restarted.collect::<BTreeSet<_>>(), all, "with a policy");
    assert_eq!(sized.collect::<BTreeSet<_>>(), all, "with a size");
}

#[tokio::test]
async fn whatever_a_deployment_asks_is_answered() {
    let fly = fly();
    let path = |check: &Toml| check["path"].as_str().unwrap().to_owned();
    let service = fly["http_service"].as_table().unwrap();
    let asked_of_api = array(service, "checks").iter().map(path);
    let checks = fly["checks"].as_table().unwrap().values();
    let asked_of_ops = checks.chain(array(&fly, "metrics")).map(path);

    let dir = tempfile::tempdir().unwrap();
    let (api, ops) = (free_port().unwrap(), free_port().unwrap());
    let http_addr = format!("127.0.0.1:{api}");
    let ops_addr = format!("127.0.0.1:{ops}");
    let args = [
        "--embedded",
        "--http-addr",
        &http_addr,
        "--ops-addr",
        &ops_addr,
    ];
    let mut web = Program::start("web", dir.path(), &args).unwrap();
    web.until_ready(ops, "/readyz").await.unwrap();
    let of_api = asked_of_api.map(|path| format!("http://{http_addr}{path}"));
    // Every process answers these with the same code.
    let of_ops = asked_of_ops.map(|path| format!("http://{ops_addr}{path}"));
    for url in of_api.chain(of_ops) {
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
    }
}

#[test]
fn scripts_up_starts_every_process_with_settings_that_it_has() {
    let script = read("scripts/up");
    let names = script
        .lines()
        .find_map(|line| line.strip_prefix("names=(")?.strip_suffix(')'))
        .unwrap();
    assert!(names.split(' ').eq(PROCESSES), "{names}");

    // Variables for the programs are set or unset at the start of a line; the script's own are
    // in small letters.
    let set = script.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = match line.strip_prefix("unset ") {
            Some(name) => name,
            None => line.split_once('=')?.0,
        };
        let is_variable = |c: char| c.is_ascii_uppercase() || c == '_';
        (!name.is_empty() && name.chars().all(is_variable)).then_some(name)
    });
    let set: Vec<_> = set.collect();
    assert!(set.contains(&"OPS_ADDR"), "{set:?}");
    assert_variables_exist(set, "scripts/up");

    let demo = script
        .lines()
        .find_map(|line| line.split_once("\"$bin/bellwether\" "))
        .unwrap();
    let words = [CLI].into_iter().chain(demo.1.split_whitespace());
    let words: Vec<_> = words.map(str::to_owned).collect();
    assert_understood(&words, "scripts/up");
}
