//! Runs the workspace's binaries as processes, as an operator would.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a program may take to do what is waited for. Generous, because machines are shared.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running binary. Killed when the value is dropped.
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Where a binary of this workspace stands, next to the running test or binary.
pub fn binary(name: &str) -> Result<PathBuf> {
    let running = std::env::current_exe()?;
    let folder = running
        .parent()
        .context("the running program has no folder")?;
    // Tests stand in `target/<profile>/deps`, binaries one level up.
    let folder = match folder.parent() {
        Some(profile) if folder.ends_with("deps") => profile,
        _ => folder,
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "there is no {}: run `cargo build --workspace --bins` first",
            path.display()
        );
    }
    Ok(path)
}

impl Program {
    /// Starts a binary with these arguments and nothing of this process's environment but the
    /// path; what it prints goes to a file in `dir`.
    pub fn start(name: &str, dir: &Path, args: &[&str]) -> Result<Self> {
        let log_all = [("RUST_LOG", "info,application=debug,infra_redis=debug")];
        Self::start_with_env(name, dir, args, &log_all)
    }

    /// The same, with these variables in place of those that make it log much.
    pub fn start_with_env(
        name: &str,
        dir: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let log = dir.join(format!("{name}-{}.log", uuid::Uuid::new_v4().simple()));
        let out = File::create(&log)?;
        let child = Command::new(binary(name)?)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(variables.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        let name = name.to_owned();
        Ok(Self { name, child, log })
    }

    /// Waits until `GET path` on this port answers 200.
    pub async fn until_ready(&mut self, port: u16, path: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended with {status} instead of getting ready:\n{}",
                    self.name,
                    self.output()
                );
            }
            if http_status(port, path).await == Some(200) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} was not ready in time:\n{}", self.name, self.output());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a line of what it printed contains `text`.
    pub async fn until_printed(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.output().contains(text) {
            if Instant::now() > deadline {
                bail!("{} never printed `{text}`:\n{}", self.name, self.output());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        let Ok(file) = File::open(&self.log) else {
            return String::new();
        };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal such as `TERM` or `STOP`.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status()?;
        if !status.success() {
            bail!("{} could not be sent SIG{signal}", self.name);
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended.
    pub async fn until_ended(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} did not end in time:\n{}", self.name, self.output());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer, with a limit.
///
/// # Panics
///
/// When the limit has passed.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn http_status(port: u16, path: &str) -> Option<u16> {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.ok()?;
        std::str::from_utf8(&head[9..]).ok()?.parse().ok()
    };
    tokio::time::timeout(Duration::from_secs(3), ask)
        .await
        .ok()?
}
