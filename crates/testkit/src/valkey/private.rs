//! A server of a test's own, which it may stop and start.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail};
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
}

enum Server {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Option<Child>),
}

/// Every write reaches the disk before it is answered, so that a stop loses none.
const ARGUMENTS: [&str; 6] = [
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
];

impl PrivateValkey {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        Self::start_with(&ARGUMENTS).await
    }

    /// Starts a server that is the only node of a cluster, so that it has all the slots.
    pub async fn start_cluster() -> Result<Self> {
        let cluster = ["--cluster-enabled", "yes"];
        let arguments: Vec<_> = ARGUMENTS.into_iter().chain(cluster).collect();
        let valkey = Self::start_with(&arguments).await?;
        launch::send(valkey.port, "CLUSTER ADDSLOTSRANGE 0 16383\r\n", "+OK").await?;
        // It takes a moment to know that it has them all.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while launch::send(valkey.port, "GET nothing\r\n", "$-1")
            .await
            .is_err()
        {
            if tokio::time::Instant::now() > deadline {
                bail!("the cluster was not up within 30 seconds");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(valkey)
    }

    async fn start_with(arguments: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let dir = tempfile::tempdir()?;
        let server = match Source::find()? {
            Source::Container => {
                let container = launch::container(port, arguments).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => {
                let child = launch::process(port, dir.path(), arguments)?;
                Server::Process(Some(child))
            }
        };
        launch::until_it_answers(port).await?;
        Ok(Self { port, server, dir })
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

    /// Starts it again after [`kill`](Self::kill), with the data it had.
    pub async fn restart(&mut self) -> Result<()> {
        match &mut self.server {
            Server::Container(container) => container.start().await?,
            Server::Process(child) => {
                let started = launch::process(self.port, self.dir.path(), &ARGUMENTS);
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
