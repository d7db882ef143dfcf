//! How `bellwether worker run` ends.

use serde_json::json;

use crate::support::{Bench, until_gone};

#[tokio::test]
async fn jobs_that_can_not_end_in_time_go_back_uncounted() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    let script = bench.script(&format!("sleep 600 &\necho $! > {dir}/pid\nwait\n"));
    let mut worker = bench
        .work(&["--exec", &script, "--shutdown-timeout", "50ms", "--json"])
        .await;
    let long = bench.add(&["q", "long"]);
    let pid = bench.file("pid").await;
    let behind = bench.add(&["q", "behind"]);

    worker.signal("TERM").unwrap();
    assert!(worker.until_ended().await.unwrap().success());
    until_gone(&pid).await;
    let report = r#"{"abandoned":0,"finished":0,"handedBack":1,"queue":"q"}"#;
    assert!(worker.output().contains(report), "{}", worker.output());
    assert_eq!(bench.ids("q", "waiting"), [long.clone(), behind]);
    let job = bench.show("q", &long);
    assert_eq!(job["attemptsMade"], 0);
    assert!(job["failedReason"].is_null(), "{job}");
}

#[tokio::test]
async fn jobs_that_end_in_time_count_and_no_other_is_taken() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    let script = bench.script(&format!(
        "echo started > {dir}/started\nwhile [ ! -e {dir}/go ]; do sleep 0.02; done\necho 1\n"
    ));
    let mut worker = bench.work(&["--exec", &script]).await;
    let first = bench.add(&["q", "first"]);
    bench.file("started").await;
    let second = bench.add(&["q", "second"]);
    worker.signal("TERM").unwrap();
    worker.until_printed("Got SIGTERM").await.unwrap();
    std::fs::write(bench.dir.path().join("go"), "").unwrap();
    assert!(worker.until_ended().await.unwrap().success());
    assert!(worker.output().contains(
        "Stopped working q; of the jobs at work then, 1 finished and 0 were handed back"
    ));
    assert_eq!(bench.show("q", &first)["returnvalue"], json!(1));
    assert_eq!(bench.ids("q", "waiting"), [second]);
}

#[tokio::test]
async fn a_job_that_is_cancelled_when_its_worker_was_killed_fails_and_is_not_run_again() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    std::fs::write(bench.dir.path().join("alive"), "").unwrap();
    let script = bench.script(&format!(
        "echo ran >> {dir}/runs\nwhile [ -e {dir}/alive ]; do sleep 0.02; done\n"
    ));
    let quick = ["--lock-duration", "1s", "--stalled-interval", "100ms"];
    let work = [&["--exec", &script], &quick[..]].concat();
    let mut worker = bench.work(&work).await;
    let id = bench.add(&["q", "a", "--attempts", "5"]);
    bench.file("runs").await;
    worker.kill().unwrap();
    // The command outlives the worker that was killed.
    std::fs::remove_file(bench.dir.path().join("alive")).unwrap();
    let asked = bench.json(&["job", "cancel", "q", &id, "--reason", "a mistake"]);
    assert_eq!(asked["jobs"][0]["outcome"], "asked");

    let mut other = bench.work(&work).await;
    let job = bench.finished("q", &id).await;
    assert_eq!(job["failedReason"], "cancelled: a mistake");
    let runs = std::fs::read_to_string(bench.dir.path().join("runs")).unwrap();
    assert_eq!(runs, "ran\n");
    other.signal("TERM").unwrap();
    assert!(other.until_ended().await.unwrap().success());
}
