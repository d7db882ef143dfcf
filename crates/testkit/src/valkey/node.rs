//! A server with arguments of its own, for tests of what several servers or TLS are needed for.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;

use anyhow::Result;
use tempfile::TempDir;
use testcontainers::{ContainerAsync, GenericImage};

use super::launch::{self, Source};
use crate::port::free_port;

/// A server at a port of this machine. Ends with the value.
pub(super) struct Node {
    port: u16,
    dir: TempDir,
    server: Option<Server>,
}

enum Server {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Child),
}

impl Node {
    /// A place for a server, with a port and a folder.
    pub(super) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        // A server in a container may be another user, and writes there what it has learnt.
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777))?;
        Ok(Self {
            port: free_port()?,
            dir,
            server: None,
        })
    }

    /// A server that keeps nothing on disk, with these arguments besides.
    pub(super) async fn start(arguments: &[&str]) -> Result<Self> {
        let mut node = Self::new()?;
        node.run(arguments).await?;
        Ok(node)
    }

    /// Starts the server and waits until it answers.
    pub(super) async fn run(&mut self, arguments: &[&str]) -> Result<()> {
        let port = self.port.to_string();
        let dir = self.dir.path().display().to_string();
        let mut all = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", &dir];
        all.extend(["--save", "", "--appendonly", "no"]);
        all.extend(arguments);
        self.run_exactly(&all).await
    }

    /// Starts the server with these arguments and no others.
    pub(super) async fn run_exactly(&mut self, arguments: &[&str]) -> Result<()> {
        self.server = Some(match Source::find_beside_others()? {
            Source::Container => {
                let container = launch::container_on_host(self.dir.path(), arguments).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => Server::Process(launch::program(self.dir.path(), arguments)?),
        });
        launch::until_it_answers(self.port).await
    }

    /// The port that speaks without TLS.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, which it sees under the same name.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends the server at once, as a crash would.
    pub(super) async fn kill(&mut self) -> Result<()> {
        match self.server.take() {
            Some(Server::Container(container)) => container.stop_with_timeout(Some(0)).await?,
            Some(Server::Process(mut child)) => {
                child.kill()?;
                child.wait()?;
            }
            None => {}
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(Server::Process(child)) = &mut self.server {
            // It may have ended by itself, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
