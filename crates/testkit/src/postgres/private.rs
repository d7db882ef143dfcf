//! A server of a test's own, which it may stop and start.

use std::process::Child;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testcontainers::{ContainerAsync, GenericImage};

use super::launch::{self, Source};
use crate::port::free_port;

/// A Postgres that keeps its data and its address when it is stopped and started again. Ends with
/// the value.
pub struct PrivatePostgres {
    port: u16,
    server: Server,
    dir: TempDir,
}

enum Server {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Option<Child>),
}

/// Commits reach the system before they are answered, which outlives the death of the server; the
/// disk, which nobody switches off here, may take its time.
const SETTINGS: [&str; 2] = ["fsync=off", "max_connections=200"];

impl PrivatePostgres {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let port = free_port()?;
        let dir = tempfile::tempdir()?;
        let server = match Source::find()? {
            Source::Container => {
                let container = launch::container(port, &SETTINGS).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => {
                launch::make_data(dir.path())?;
                Server::Process(Some(launch::process(port, dir.path(), &SETTINGS)?))
            }
        };
        launch::until_it_answers(port).await?;
        Ok(Self { port, server, dir })
    }

    /// The URL of its one database, the same for as long as the value lives.
    pub fn url(&self) -> String {
        launch::url(self.port, "postgres")
    }

    /// Ends the server at once, as a crash would: connections are cut, and nothing is put in order.
    pub async fn kill(&mut self) -> Result<()> {
        match &mut self.server {
            Server::Container(container) => container.stop_with_timeout(Some(0)).await?,
            Server::Process(child) => {
                if let Some(mut child) = child.take() {
                    launch::end_at_once(&mut child)?;
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
                let started = launch::process(self.port, self.dir.path(), &SETTINGS);
                *child = Some(started.context("the Postgres did not start again")?);
            }
        }
        launch::until_it_answers(self.port).await
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Server::Process(Some(child)) = &mut self.server {
            // It may have ended by itself, which is what is wanted.
            let _ = launch::end_at_once(child);
        }
    }
}
