//! Clients of other makes on the same queues, as processes that are asked one line at a time.
//!
//! They stand in `crates/infra-redis/tests/interop`; `scripts/test` installs what they need.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long an answer may take. Generous, because machines are shared.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// BullMQ's for Node, the current version.
    Node6,
    /// BullMQ's for Node, the last 5.x.
    Node5,
    /// BullMQ's for Python.
    Python,
    /// BullMQ's for Rust.
    Official,
    /// Bull Board, in a browser.
    Board,
}

/// Another client's process. Killed when the value is dropped.
pub struct Peer {
    make: Make,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Make {
    /// Whether the client can be run here. A machine without it skips the tests that need it, and
    /// says so.
    ///
    /// # Panics
    ///
    /// In continuous integration, where it must be there.
    pub fn is_installed(self) -> bool {
        let missing = self.needs().into_iter().find(|path| !path.exists());
        if let Some(missing) = &missing {
            let missing = missing.display();
            assert!(
                std::env::var_os("CI").is_none(),
                "{self:?} is not installed, there is no {missing}: scripts/test installs it"
            );
            eprintln!("skipped: {self:?} is not installed, there is no {missing}");
        }
        missing.is_none()
    }

    /// What must be there for it to run.
    fn needs(self) -> Vec<PathBuf> {
        match self {
            Self::Node6 => vec![clients().join("node/node_modules/bullmq")],
            Self::Node5 => vec![clients().join("node5/node_modules/bullmq")],
            // Put there when all of it is installed.
            Self::Python => vec![workspace().join("target/interop-python/requirements.txt")],
            Self::Official => vec![official()],
            Self::Board => vec![
                clients().join("board/node_modules/bullmq"),
                PathBuf::from(CHROMIUM),
            ],
        }
    }

    fn command(self) -> Command {
        let node = |args: &[&str]| {
            let mut command = Command::new("node");
            command.arg(clients().join(args[0])).args(&args[1..]);
            command
        };
        match self {
            Self::Node6 => node(&["peer.js", "node"]),
            Self::Node5 => node(&["peer.js", "node5"]),
            Self::Board => node(&["board/board.js", CHROMIUM]),
            Self::Python => {
                let mut command = Command::new(python());
                command.arg(clients().join("python/peer.py"));
                command
            }
            Self::Official => Command::new(official()),
        }
    }
}

impl Peer {
    /// Starts a client of one queue.
    pub fn start(make: Make, url: &str, prefix: &str, queue: &str) -> Result<Self> {
        let mut child = make
            .command()
            .args([url, prefix, queue])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("the client has no input")?;
        let output = child.stdout.take().context("the client has no output")?;
        Ok(Self {
            make,
            child,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    /// Asks something; the answer.
    pub fn ask<'a>(
        &'a mut self,
        question: &Value,
    ) -> impl Future<Output = Result<Value>> + Send + use<'a> {
        let question = question.to_string();
        async move {
            let answered = tokio::time::timeout(PATIENCE, self.answer(&question)).await;
            answered
                .context("no answer in time")
                .flatten()
                .with_context(|| format!("{:?} was asked {question}", self.make))
        }
    }

    async fn answer(&mut self, question: &str) -> Result<Value> {
        self.input
            .write_all(format!("{question}\n").as_bytes())
            .await?;
        let line = self.output.next_line().await?;
        let line = line.context("it ended instead of answering")?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get_mut("ok") {
            Some(answer) => Ok(answer.take()),
            None => bail!("it failed: {answer}"),
        }
    }

    /// Lets it end, and clean up after itself.
    pub async fn end(mut self) -> Result<()> {
        drop(self.input);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.with_context(|| format!("{:?} did not end in time", self.make))??;
        if !status.success() {
            bail!("{:?} ended with {status}", self.make);
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

const CHROMIUM: &str = "/usr/bin/chromium";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn clients() -> PathBuf {
    workspace().join("crates/infra-redis/tests/interop")
}

fn python() -> PathBuf {
    workspace().join("target/interop-python/bin/python")
}

fn official() -> PathBuf {
    workspace().join("target/interop-official/debug/interop-official")
}
