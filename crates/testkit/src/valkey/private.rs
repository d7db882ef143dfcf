//! A server of a test's own, which it may stop and start.

use std::process::Child;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testcontainers::{ContainerAsync, GenericImage};

use super::launch::{self, Source};
use crate::port::free_port;

/// A Valkey that keeps its data and its address when it is stopped and started again. Ends with
/// the value.
pub struct PrivateValkey {
    port: u16,
    server: Server,
    dir: TempDir,
    arguments: Vec<&'static str>,
}

/// What a server still has after it was killed and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// All that it has answered: every write reaches the disk before.
    Always,
    /// All but the last second or two: the append-only file, written to disk once a second.
    EverySecond,
    /// Nothing.
    Never,
}

impl Persistence {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Always => &[
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ],
            Self::EverySecond => &[
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
            ],
            Self::Never => &["--save", "", "--appendonly", "no"],
        }
    }
}

enum Server {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Option<Child>),
}

impl PrivateValkey {
    /// Starts a server that loses nothing.
    pub async fn start() -> Result<Self> {
        Self::start_keeping(Persistence::Always).await
    }

    /// Starts a server that keeps this much.
    pub async fn start_keeping(persistence: Persistence) -> Result<Self> {
        Self::start_with(persistence.arguments().to_vec()).await
    }

    /// Starts a server that is the only node of a cluster, so that it has all the slots.
    pub async fn start_cluster() -> Result<Self> {
        let cluster = ["--cluster-enabled", "yes"];
        let arguments = [Persistence::Always.arguments(), &cluster].concat();
        let valkey = Self::start_with(arguments).await?;
        launch::send(valkey.port, "CLUSTER ADDSLOTSRANGE 0 16383\r\n", "+OK").await?;
        // It takes a moment to know that it has them all.
        launch::until("the cluster to be up", async || {
            let answered = launch::send(valkey.port, "GET nothing\r\n", "$-1").await;
            Ok(answered.is_ok())
        })
        .await?;
        Ok(valkey)
    }

    async fn start_with(arguments: Vec<&'static str>) -> Result<Self> {
        let port = free_port()?;
        let dir = tempfile::tempdir()?;
        let server = match Source::find()? {
            Source::Container => {
                let container = launch::container(port, &arguments).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => {
                let child = launch::process(port, dir.path(), &arguments)?;
                Server::Process(Some(child))
            }
        };
        launch::until_it_answers(port).await?;
        Ok(Self {
            port,
            server,
            dir,
            arguments,
        })
    }

    /// Its URL, the same for as long as the value lives.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        match &mut self.server {
            Server::Container(container) => container.stop_with_timeout(Some(0)).await?,
            Server::Process(child) => {
                if let Some(mut child) = child.take() {
                    child.kill()?;
                    child.wait()?;
                }
            }
        }
        Ok(())
    }

    /// Starts it again after [`kill`](Self::kill), with the data it kept.
    pub async fn restart(&mut self) -> Result<()> {
        match &mut self.server {
            Server::Container(container) => container.start().await?,
            Server::Process(child) => {
                let started = launch::process(self.port, self.dir.path(), &self.arguments);
                *child = Some(started.context("the Valkey did not start again")?);
            }
        }
        launch::until_it_answers(self.port).await
    }
}

impl Drop for PrivateValkey {
    fn drop(&mut self) {
        if let Server::Process(Some(child)) = &mut self.server {
            // It may have ended by itself, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server answers that was killed after it was told something.
    async fn kept(persistence: Persistence) -> String {
        let mut valkey = PrivateValkey::start_keeping(persistence).await.unwrap();
        launch::send(valkey.port, "SET told yes\r\n", "+OK")
            .await
            .unwrap();
        valkey.kill().await.unwrap();
        valkey.restart().await.unwrap();
        launch::ask(valkey.port, "EXISTS told").await.unwrap()
    }

    #[tokio::test]
    async fn a_server_keeps_what_it_was_started_to_keep() {
        assert_eq!(kept(Persistence::Always).await, ":1\r\n");
        assert_eq!(kept(Persistence::Never).await, ":0\r\n");
    }
}
