//! The program, run on every case against a server of its own.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::process::{Command, Output};

use serde_json::Value;
use testkit::valkey::PrivateValkey;

/// What every case tells.
const KEYS: [&str; 12] = [
    "impl",
    "case",
    "jobs",
    "concurrency",
    "seconds",
    "rate",
    "server_cpu_s_per_10k",
    "client_cpu_s_per_10k",
    "rss_mb",
    "server_calls_per_job",
    "evalsha_per_job",
    "exact",
];

fn bench(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bellwether-bench"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.lines().count() == 1,
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap()
}

/// Runs a case on an empty server; its line, which must have these keys besides those of every case.
async fn measured(case: &str, variables: &[(&str, &str)], own_keys: &[&str]) -> Value {
    let line = measured_of("bellwether", &[case], variables, own_keys).await;
    assert_eq!(line["case"], case);
    line
}

/// The same with bare scripts.
async fn bare(case: &str, variables: &[(&str, &str)], own_keys: &[&str]) -> Value {
    let line = measured_of("bare", &["bare", case], variables, own_keys).await;
    assert_eq!(line["case"], case);
    line
}

async fn measured_of(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    own_keys: &[&str],
) -> Value {
    let valkey = PrivateValkey::start().await.unwrap();
    let url = valkey.url();
    let variables: Vec<_> = [("BENCH_URL", url.as_str()), ("BENCH_JOBS", "40")]
        .into_iter()
        .chain(variables.iter().copied())
        .collect();
    let line = line(&bench(arguments, &variables));
    for key in KEYS.iter().chain(own_keys) {
        assert!(line.get(key).is_some(), "no {key} in {line}");
    }
    assert_eq!(line["impl"], program);
    assert_eq!(line["jobs"], 40);
    assert_eq!(line["exact"], true);
    assert!(line["rate"].as_f64().unwrap() > 0.0);
    assert!(line["client_cpu_s_per_10k"].as_f64().unwrap() > 0.0);
    line
}

fn scripts(line: &Value) -> f64 {
    line["evalsha_per_job"].as_f64().unwrap()
}

#[tokio::test]
async fn add() {
    let line = measured("add", &[("BENCH_DETAIL", "1")], &["per_command"]).await;
    assert_eq!(line["concurrency"], 1);
    // One add at a time has nobody to share a call with. The first is sent again with its script.
    assert!((scripts(&line) - 41.0 / 40.0).abs() < 1e-9, "{line}");
    assert!(
        line["per_command"]["xadd"].as_f64().unwrap() >= 1.0,
        "{line}"
    );
}

#[tokio::test]
async fn addbulk() {
    let variables = [("BENCH_CHUNK", "20"), ("BENCH_CONCURRENCY", "2")];
    let line = measured("addbulk", &variables, &["chunk"]).await;
    // Each of the two may have to be sent again with its script.
    assert!(
        (2.0 / 40.0..=4.0 / 40.0).contains(&scripts(&line)),
        "{line}"
    );
    assert_eq!(line["concurrency"], 2);
}

#[tokio::test]
async fn process() {
    let keys = ["first_ms", "steady_rate"];
    measured("process", &[("BENCH_CONCURRENCY", "10")], &keys).await;
}

#[tokio::test]
async fn process_with_jobs_that_take_time_and_are_kept() {
    let variables = [("BENCH_WORK_MS", "5"), ("BENCH_KEEP", "all")];
    let line = measured("process", &variables, &[]).await;
    assert!(line["seconds"].as_f64().unwrap() >= 40.0 * 0.005);
}

#[tokio::test]
async fn process_on_several_threads() {
    let variables = [("BENCH_THREADS", "3"), ("BENCH_CONCURRENCY", "7")];
    measured("process", &variables, &[]).await;
}

#[tokio::test]
async fn prio() {
    let variables = [("BENCH_DEPTH", "60"), ("BENCH_CONCURRENCY", "5")];
    let line = measured("prio", &variables, &["steady_rate"]).await;
    assert_eq!(line["depth"], 60);
}

#[tokio::test]
async fn latency() {
    let variables = [("BENCH_RATE", "400"), ("BENCH_SETTLE_MS", "50")];
    let keys = [
        "offered",
        "schedule_lag_p99_ms",
        "pickup_p50_ms",
        "pickup_p99_ms",
        "done_p50_ms",
        "done_p99_ms",
    ];
    let line = measured("latency", &variables, &keys).await;
    let ms = |key: &str| line[key].as_f64().unwrap();
    assert!(0.0 < ms("pickup_p50_ms") && ms("pickup_p50_ms") < ms("done_p50_ms"));
}

#[tokio::test]
async fn pipe() {
    measured("pipe", &[("BENCH_CONCURRENCY", "5")], &[]).await;
}

#[tokio::test]
async fn delayed() {
    let variables = [("BENCH_DELAY_MS", "600"), ("BENCH_CONCURRENCY", "5")];
    let line = measured("delayed", &variables, &["first_late_ms"]).await;
    assert!(line["first_late_ms"].as_f64().unwrap() > -1.0);
}

#[tokio::test]
async fn delaylat() {
    let keys = ["offered", "late_p50_ms", "late_p99_ms"];
    let line = measured("delaylat", &[("BENCH_RATE", "400")], &keys).await;
    assert!(line["late_p50_ms"].as_f64().unwrap() >= 0.0);
}

#[tokio::test]
async fn retry() {
    let variables = [("BENCH_BACKOFF_MS", "10"), ("BENCH_CONCURRENCY", "5")];
    let line = measured("retry", &variables, &["attempts"]).await;
    assert_eq!(line["attempts"], 3);
}

#[tokio::test]
async fn memory() {
    let keys = ["bytes_per_waiting", "bytes_per_completed"];
    let line = measured("memory", &[], &keys).await;
    assert!(line["bytes_per_waiting"].as_f64().unwrap() > 100.0);
}

#[tokio::test]
async fn ramp() {
    let variables = [("BENCH_CONCURRENCY", "40")];
    let line = measured("ramp", &variables, &["first_ms", "all_ms"]).await;
    assert!(line["all_ms"].as_f64().unwrap() >= line["first_ms"].as_f64().unwrap());
}

#[tokio::test]
async fn bare_scripts_add() {
    let variables = [("BENCH_CONCURRENCY", "10"), ("BENCH_DETAIL", "1")];
    let line = bare("add", &variables, &["per_command"]).await;
    // Two calls are under way, with five jobs each.
    assert!((scripts(&line) - 1.0 / 5.0).abs() < 1e-9, "{line}");
    assert_eq!(line["per_command"]["xadd"], 2.0);
    let line = bare("addbulk", &[("BENCH_CHUNK", "20")], &["chunk"]).await;
    assert!((scripts(&line) - 1.0 / 20.0).abs() < 1e-9, "{line}");
}

#[tokio::test]
async fn bare_scripts_work() {
    let detail = ("BENCH_DETAIL", "1");
    let keys = ["first_ms", "steady_rate", "per_command"];
    let line = bare("process", &[("BENCH_CONCURRENCY", "10"), detail], &keys).await;
    assert_eq!(line["per_command"]["set"], 1.0);
    assert_eq!(line["per_command"]["lrem"], 1.0);
    let variables = [("BENCH_KEEP", "all"), ("BENCH_LOOK_AHEAD", "9"), detail];
    let line = bare("process", &variables, &keys).await;
    assert_eq!(line["per_command"]["hset"], 2.0);
}

#[tokio::test]
async fn bare_scripts_tell_how_long_jobs_take() {
    let variables = [("BENCH_RATE", "400"), ("BENCH_SETTLE_MS", "50")];
    let keys = ["offered", "schedule_lag_p99_ms", "pickup_p99_ms"];
    let line = bare("latency", &variables, &keys).await;
    let ms = |key: &str| line[key].as_f64().unwrap();
    assert!(0.0 < ms("pickup_p50_ms") && ms("pickup_p50_ms") < ms("done_p50_ms"));
}

#[tokio::test]
async fn bare_scripts_and_the_engine_share_a_queue() {
    let valkey = PrivateValkey::start().await.unwrap();
    let url = valkey.url();
    let run = |arguments: &[&str], is_preloaded| {
        let variables = [
            ("BENCH_URL", url.as_str()),
            ("BENCH_JOBS", "30"),
            ("BENCH_PRELOADED", is_preloaded),
            ("BENCH_CONCURRENCY", "7"),
        ];
        line(&bench(arguments, &variables))
    };
    run(&["bare", "add"], "0");
    assert_eq!(run(&["process"], "1")["exact"], true);
    run(&["load"], "0");
    assert_eq!(run(&["bare", "process"], "1")["exact"], true);
}

#[tokio::test]
async fn jobs_that_one_run_loads_are_worked_by_another() {
    let valkey = PrivateValkey::start().await.unwrap();
    let url = valkey.url();
    let run = |case, jobs, is_preloaded| {
        let variables = [
            ("BENCH_URL", url.as_str()),
            ("BENCH_JOBS", jobs),
            ("BENCH_DEPTH", "30"),
            ("BENCH_PRELOADED", is_preloaded),
        ];
        bench(&[case], &variables)
    };
    line(&run("load", "30", "0"));
    assert_eq!(line(&run("process", "30", "1"))["jobs"], 30);
    line(&run("prioload", "1", "0"));
    assert_eq!(line(&run("prio", "10", "1"))["jobs"], 10);
}

#[tokio::test]
async fn a_job_that_is_there_twice_is_found() {
    let valkey = PrivateValkey::start().await.unwrap();
    let url = valkey.url();
    let variables = |jobs, is_flushed| {
        [
            ("BENCH_URL", url.clone()),
            ("BENCH_JOBS", String::from(jobs)),
            ("BENCH_NOFLUSH", String::from(is_flushed)),
        ]
    };
    let run = |case: &str, jobs, is_flushed| {
        let variables = variables(jobs, is_flushed);
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        bench(&[case], &variables)
    };
    line(&run("load", "3", "0"));
    // Five more come behind those three, whose numbers begin at 0 as well.
    let output = run("process", "5", "1");
    assert!(!output.status.success());
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["exact"], false);
    assert!(line["fault"].as_str().unwrap().contains("ran"), "{line}");
}

#[test]
fn bad_input_is_answered_with_a_sentence() {
    let said = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = bench(arguments, variables);
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["fly"], &[]).contains("unrecognized subcommand 'fly'"));
    assert!(said(&["bare", "prio"], &[]).contains("unrecognized subcommand 'prio'"));
    assert_eq!(
        said(&["add"], &[("BENCH_JOBS", "many")]),
        "bellwether-bench: BENCH_JOBS is `many`; expected a whole number from 1\n"
    );
    let nowhere = said(&["add"], &[("BENCH_URL", "redis://127.0.0.1:1")]);
    assert!(
        nowhere.contains("no server answers at 127.0.0.1:1"),
        "{nowhere}"
    );
}

#[tokio::test]
async fn jobs_held_ahead_run_once_too() {
    let valkey = PrivateValkey::start().await.unwrap();
    for look_ahead in ["7", "auto"] {
        let variables = [
            ("BENCH_URL", valkey.url()),
            ("BENCH_LOOK_AHEAD", look_ahead.to_owned()),
            ("BENCH_JOBS", "100".to_owned()),
        ];
        let variables = variables
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let output = bench(&["process"], &variables);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(r#""exact":true"#), "{printed}");
    }
}
