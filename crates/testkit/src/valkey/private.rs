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
        let port = free_port()?;
        let dir = tempfile::tempdir()?;
        let server = match Source::find()? {
            Source::Container => {
                let container = launch::container(port, &ARGUMENTS).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => {
                let child = launch::process(port, dir.path(), &ARGUMENTS)?;
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
