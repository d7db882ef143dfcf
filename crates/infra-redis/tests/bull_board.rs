//! Bull Board, in a browser, on a queue that only this engine has touched.
//!
//! Needs Node, the packages of `tests/interop/board` and Chromium, which `scripts/test` installs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::time::Duration;

use infra_redis::engine::{
    Backoff, Claimed, Flow, Flows, JobContext, JobError, JobId, JobOptions, WorkerHandle,
    WorkerSettings,
};
use serde_json::{Value, json};
use support::{TestQueue, quick, telling};
use testkit::peer::{Make, Peer};
use testkit::program::eventually;
use testkit::valkey::shared_url;

const BROKEN: &str = "0199f3a2-7c01-7abc-8def-0123456789ab";

#[derive(Debug)]
struct Broken(std::io::Error);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the brush broke")
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn perform(job: Claimed<Value>, context: JobContext) -> Result<Value, JobError> {
    match job.name.as_str() {
        "paint" => {
            context.log("mixed the colours").await.unwrap();
            context.log("übermalt").await.unwrap();
            context.update_progress(&100).await.unwrap();
            Ok(json!({"layers": 2}))
        }
        "break" => {
            let attempt = job.attempt;
            context.log(&format!("tried {attempt}")).await.unwrap();
            context.update_progress(&25).await.unwrap();
            let broken = Broken(std::io::Error::other("no bristles left"));
            Err(JobError::transient(&broken as &dyn std::error::Error))
        }
        _ => {
            context.update_progress(&60).await.unwrap();
            context.cancelled().await;
            Err(JobError::NotYet(Duration::ZERO))
        }
    }
}

/// A job in every state, the active one in the hands of the worker.
async fn every_state(test: &TestQueue) -> WorkerHandle {
    let (processor, _told) = telling(perform);
    let settings = WorkerSettings {
        name: Some("bellwether-1".to_owned()),
        ..quick()
    };
    let worker = test.work_with(processor, settings).await;
    let add = async |name: &str, options: JobOptions| {
        let data = json!({"motif": "Schafe"});
        test.queue.add(name, &data, &options).await.unwrap()
    };
    let painted = add("paint", JobOptions::default()).await;
    test.finished(&painted).await;
    let twice = JobOptions {
        // The board shows the number of attempts only beside ids that are as long as this.
        id: Some(JobId::parse(BROKEN).unwrap()),
        attempts: 2,
        stack_trace_limit: Some(10),
        backoff: Some(Backoff::fixed(Duration::from_millis(1))),
        ..JobOptions::default()
    };
    let broken = add("break", twice).await;
    test.finished(&broken).await;
    let drying = add("dry", JobOptions::default()).await;
    eventually("the active job's progress", || async {
        test.queue.job(&drying).await.ok()??.progress
    })
    .await;
    add("varnish", JobOptions::default()).await;
    let urgent = JobOptions {
        priority: 7,
        ..JobOptions::default()
    };
    add("sign", urgent).await;
    let later = || JobOptions {
        delay: Duration::from_secs(3600),
        ..JobOptions::default()
    };
    add("frame", later()).await;
    let child = Flow::new(test.id.clone(), "invite", json!({})).with_options(later());
    let parent = Flow::new(test.id.clone(), "exhibit", json!({})).with_child(child);
    Flows::new(test.connection.clone())
        .add(&parent)
        .await
        .unwrap();
    worker
}

/// The board in a browser.
struct Board(Peer);

impl Board {
    async fn ask(&mut self, question: Value) -> Value {
        self.0.ask(&question).await.unwrap()
    }

    /// Opens a page of the queue, which must come to show all of these texts.
    async fn open(&mut self, path: &str, texts: &[&str]) {
        let path = format!("/queue/q{path}");
        self.ask(json!({"ask": "open", "path": path})).await;
        self.find(texts).await;
    }

    async fn click(&mut self, role: &str, name: &str, texts: &[&str]) {
        let question = json!({"ask": "click", "role": role, "name": name});
        self.ask(question).await;
        self.find(texts).await;
    }

    async fn find(&mut self, texts: &[&str]) {
        for text in texts {
            let found = self.0.ask(&json!({"ask": "find", "text": text})).await;
            if let Err(error) = found {
                panic!("no `{text}` but {}: {error}", self.text().await);
            }
        }
    }

    /// All that the page shows now.
    async fn text(&mut self) -> String {
        let text = self.ask(json!({"ask": "text"})).await;
        text.as_str().unwrap().to_owned()
    }
}

/// Each state's tab has the right count, and its page lists the state's jobs and no others.
async fn look_at_the_states(board: &mut Board) {
    const STATES: [(&str, &[&str]); 7] = [
        ("active", &["dry"]),
        ("waiting", &["varnish"]),
        ("prioritized", &["sign"]),
        ("delayed", &["frame", "invite"]),
        ("waiting-children", &["exhibit"]),
        ("completed", &["paint"]),
        ("failed", &["break"]),
    ];
    for (state, jobs) in STATES {
        board.open(&format!("?status={state}"), jobs).await;
        let text = board.text().await;
        let shown: Vec<_> = text.lines().map(str::trim).collect();
        for (other, names) in STATES {
            let tab = other.replace('-', " ").to_uppercase();
            let tab = shown.iter().position(|line| *line == tab);
            let tab = tab.unwrap_or_else(|| panic!("no tab for {other}: {text}"));
            assert_eq!(shown[tab + 1], names.len().to_string(), "{other}: {text}");
            for name in names {
                let is_listed = shown.iter().any(|line| line.starts_with(name));
                assert_eq!(is_listed, other == state, "{name} in {state}: {text}");
            }
        }
    }
}

async fn look_at_the_jobs(board: &mut Board) {
    let completed = [
        "paint",
        "Finished at",
        "by bellwether-1",
        "\"Schafe\"",
        "layers",
        "100%",
    ];
    board.open("/1", &completed).await;
    let log = ["mixed the colours", "übermalt"];
    board.click("tab", "Logs", &log).await;

    let failed = [
        "break",
        "attempt #2",
        "Failed at",
        "by bellwether-1",
        "the brush broke",
        "caused by: no bristles left",
        "25%",
    ];
    board.open(&format!("/{BROKEN}"), &failed).await;
    let traces = board.text().await;
    assert_eq!(traces.matches("the brush broke").count(), 2, "{traces}");
    board.click("tab", "Logs", &["tried 1", "tried 2"]).await;
    let options = ["attempts", "backoff", "\"fixed\"", "stackTraceLimit"];
    board.click("tab", "Options", &options).await;

    let active = ["dry", "1 started", "Process started at", "60%"];
    board.open("/3", &active).await;
    board
        .open("?status=prioritized", &["sign", "priority 7"])
        .await;
}

#[tokio::test]
async fn the_board_shows_every_state_of_a_queue_that_only_this_engine_has_touched() {
    if !Make::Board.is_installed() {
        return;
    }
    let test = TestQueue::new().await;
    let worker = every_state(&test).await;
    let url = shared_url().await;
    let peer = Peer::start(Make::Board, &url, test.id.prefix(), test.id.name());
    let mut board = Board(peer.unwrap());
    look_at_the_states(&mut board).await;
    look_at_the_jobs(&mut board).await;

    board.open("", &["varnish"]).await;
    assert!(!board.text().await.contains("Paused"));
    test.queue.pause().await.unwrap();
    board.open("", &["varnish", "Paused"]).await;
    let title = "Connected workers";
    board.click("button", "Queue info", &[title]).await;
    board.click("button", title, &[]).await;
    // Beside its jobs the name has a `by` in front.
    let name = json!({"ask": "find", "text": "bellwether-1", "exact": true});
    board.ask(name).await;
    if let Ok(file) = std::env::var("BOARD_PICTURE") {
        board.ask(json!({"ask": "picture", "file": file})).await;
    }
    board.0.end().await.unwrap();
    worker.stop(Duration::from_millis(100)).await;
}
