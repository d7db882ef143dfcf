//! A worker that comes to a halt without dying.

use std::io::PipeReader;
use std::process::{Child, Command, Stdio};

use super::*;

/// A worker process whose log goes into a pipe, which holds some 64 KiB and then makes its writer wait.
fn with_a_pipe_for_a_log(system: &System, ops_port: u16) -> (Child, PipeReader) {
    let (log, writer) = std::io::pipe().unwrap();
    let worker = Command::new(testkit::program::binary("feed-worker").unwrap())
        .args(["--database-url", &database_url(system.dir.path())])
        .args([
            "--valkey-url",
            &system.valkey_url,
            "--valkey-prefix",
            &system.prefix,
        ])
        .args([
            "--ops-addr",
            &format!("127.0.0.1:{ops_port}"),
            "--watchdog",
            "10s",
        ])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn();
    (worker.unwrap(), log)
}

#[tokio::test]
async fn a_worker_that_waits_for_ever_for_its_log_to_be_read_is_ended_by_its_watchdog() {
    let system = System::start(&shared_url().await).await;
    let ops_port = free_port().unwrap();
    let (mut worker, log) = with_a_pipe_for_a_log(&system, ops_port);
    let ops = format!("http://127.0.0.1:{ops_port}");
    eventually("the worker to be ready", || async {
        let answer = reqwest::get(format!("{ops}/readyz")).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;

    // Each of these fails for good, and is logged, until the log is full.
    let feeds = queue(&system, "feeds").await;
    let broken = json!("x".repeat(2_000));
    for _ in 0..500 {
        feeds
            .add("CardAddedToLibrary", &broken, &JobOptions::default())
            .await
            .unwrap();
    }
    let status = eventually("the worker to be ended", || {
        std::future::ready(worker.try_wait().unwrap())
    })
    .await;
    assert_eq!(status.code(), Some(70), "{status}");
    let counts = feeds.counts().await.unwrap();
    assert!(counts.failed < 500, "it was not stuck: {counts:?}");
    drop(log);
}
