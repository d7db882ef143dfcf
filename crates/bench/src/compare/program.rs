//! The programs that are compared.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The longest run.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Node,
    Official,
    /// A job library whose queues are its own.
    Apalis,
    /// Scripts that do only what other clients of the queue can see.
    Bare,
    Ours,
}

impl Program {
    pub(super) const ALL: [Self; 5] = [
        Self::Node,
        Self::Official,
        Self::Apalis,
        Self::Bare,
        Self::Ours,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Official => "official",
            Self::Apalis => "apalis",
            Self::Bare => "bare",
            Self::Ours => "ours",
        }
    }

    /// Whether only those runs have it that say so.
    pub(super) fn is_extra(self) -> bool {
        matches!(self, Self::Apalis | Self::Bare)
    }
}

/// Where the programs are.
pub(super) struct Programs {
    ours: PathBuf,
    pub(super) node: PathBuf,
    official: PathBuf,
    apalis: PathBuf,
}

impl Programs {
    pub(super) fn new(node: &Path, official: &Path, apalis: &Path) -> Result<Self> {
        for path in [node, official, apalis] {
            ensure!(
                path.is_file(),
                "there is no {}; scripts/bench builds it",
                path.display()
            );
        }
        Ok(Self {
            ours: std::env::current_exe()?,
            node: node.to_owned(),
            official: official.to_owned(),
            apalis: apalis.to_owned(),
        })
    }

    /// Runs one case; the line it printed.
    pub(super) fn run(
        &self,
        program: Program,
        case: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<Value> {
        let mut command = match program {
            Program::Node => {
                let mut command = Command::new("node");
                command.arg(&self.node);
                command
            }
            Program::Official => Command::new(&self.official),
            Program::Apalis => Command::new(&self.apalis),
            Program::Bare => {
                let mut command = Command::new(&self.ours);
                command.arg("bare");
                command
            }
            Program::Ours => Command::new(&self.ours),
        };
        // Nothing of the caller's own settings may tell one of them to do something else.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BENCH_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg(case)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} can't be started", program.name()))?;
        let output = reader(child.stdout.take());
        let errors = reader(child.stderr.take());
        let is_over = wait(&mut child)?;
        let text = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
        let (output, errors) = (text(output), text(errors));
        let Some(status) = is_over else {
            bail!("it was not done within {PATIENCE:?}");
        };
        let line = output.lines().rev().find(|line| line.starts_with('{'));
        let line: Option<Value> = line.and_then(|line| serde_json::from_str(line).ok());
        match line {
            Some(line) if status.success() => Ok(line),
            Some(line) => bail!("{}", line["fault"]),
            None => bail!(
                "{}",
                errors.trim().lines().last().unwrap_or("it said nothing")
            ),
        }
    }
}

/// Reads to the end beside the program, which would wait for a reader else.
fn reader(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stream) = stream {
            // What came before an error is told as well.
            let _ = stream.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Waits for the program's end, and ends it if that takes too long.
fn wait(child: &mut Child) -> Result<Option<std::process::ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
