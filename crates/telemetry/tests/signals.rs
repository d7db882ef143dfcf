//! What signals do to a process: this test program is started again as the process.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of a test function"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use telemetry::shutdown::Shutdown;

/// Says to this program that it is the process, and how long its task takes to stop.
const ROLE: &str = "SIGNALS_TEST_ROLE";

/// The process under test; does nothing when it runs as one of the tests.
#[tokio::test]
async fn the_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let shutdown = Shutdown::listen().unwrap();
    let token = shutdown.token();
    shutdown.spawn(async move {
        say("started");
        token.cancelled().await;
        say("stopping");
        if role == "stuck" {
            std::future::pending::<()>().await;
        }
    });
    shutdown.token().cancelled().await;
    let is_drained = shutdown.drain(Duration::from_mins(1)).await;
    std::process::exit(i32::from(!is_drained));
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{word}").unwrap();
    out.flush().unwrap();
}

struct Process {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_process", "--exact", "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, lines };
        process.wait_for("started");
        process
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim() != word {
            line.clear();
            let read = self.lines.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the process ended before it was {word}");
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn exit_status(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[test]
fn a_term_signal_stops_the_process() {
    let mut process = Process::start("quick");
    process.signal("TERM");
    assert_eq!(process.exit_status().code(), Some(0));
}

#[test]
fn an_interrupt_stops_the_process() {
    let mut process = Process::start("quick");
    process.signal("INT");
    assert_eq!(process.exit_status().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let mut process = Process::start("stuck");
    process.signal("TERM");
    process.wait_for("stopping");
    process.signal("INT");
    assert_eq!(process.exit_status().code(), Some(130));
}
