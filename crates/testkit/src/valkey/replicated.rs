//! A primary, its replica, and the sentinels that watch them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};

use super::launch::{self, until};
use super::node::Node;

/// What the sentinels call the primary and its replica.
const SERVICE: &str = "main";

/// After how many milliseconds of silence a sentinel takes a server for dead.
const DOWN_AFTER: &str = "1000";

/// A replicated Valkey that three sentinels watch. Ends with the value.
pub struct ReplicatedValkey {
    primary: Node,
    replica: Node,
    sentinels: Vec<Node>,
}

impl ReplicatedValkey {
    /// Starts all five, and waits until they know of each other.
    pub async fn start() -> Result<Self> {
        // It would wait seconds for other replicas that might want the same data.
        let at_once = ["--repl-diskless-sync-delay", "0"];
        let primary = Node::start(&at_once).await?;
        let port = primary.port().to_string();
        let replica = Node::start(&["--replicaof", "127.0.0.1", &port]).await?;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(sentinel(primary.port()).await?);
        }
        let valkey = Self {
            primary,
            replica,
            sentinels,
        };
        until("the replica to follow", async || {
            let info = launch::ask(valkey.replica.port(), "INFO replication").await?;
            Ok(info.contains("master_link_status:up"))
        })
        .await?;
        for sentinel in &valkey.sentinels {
            until("the sentinels to find each other", async || {
                let known = launch::ask(sentinel.port(), "INFO sentinel").await?;
                Ok(known.contains("slaves=1,sentinels=3"))
            })
            .await?;
        }
        Ok(valkey)
    }

    /// Its URL, which leads to whichever server is the primary.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.sentinels.iter().map(Node::port).collect();
        format!(
            "redis-sentinel://127.0.0.1:{}?sentinelServiceName={SERVICE}&node=127.0.0.1:{}\
             &node=127.0.0.1:{}",
            ports[0], ports[1], ports[2]
        )
    }

    /// Waits until the replica has everything that the primary has.
    pub async fn until_replicated(&self) -> Result<()> {
        until("the replica to catch up", async || {
            let primary = launch::ask(self.primary.port(), "INFO replication").await?;
            let replica = launch::ask(self.replica.port(), "INFO replication").await?;
            let written = field(&primary, "master_repl_offset")?;
            Ok(field(&replica, "slave_repl_offset")? >= written)
        })
        .await
    }

    /// Ends the primary at once, as a crash would.
    pub async fn kill_primary(&mut self) -> Result<()> {
        self.primary.kill().await
    }

    /// Makes the primary a replica of the other server without cutting any connection to it, as an
    /// operator who moves the primary's role does.
    pub async fn demote_primary(&mut self) -> Result<()> {
        let (old, new) = (self.primary.port(), self.replica.port());
        launch::send(new, "REPLICAOF NO ONE\r\n", "+OK").await?;
        let follow = format!("REPLICAOF 127.0.0.1 {new}\r\n");
        launch::send(old, &follow, "+OK").await?;
        for sentinel in &self.sentinels {
            launch::send(sentinel.port(), "SENTINEL REMOVE main\r\n", "+OK").await?;
            let watch = format!("SENTINEL MONITOR {SERVICE} 127.0.0.1 {new} 2\r\n");
            launch::send(sentinel.port(), &watch, "+OK").await?;
        }
        Ok(())
    }
}

async fn sentinel(primary: u16) -> Result<Node> {
    let mut node = Node::new()?;
    let (port, file) = (node.port(), node.dir().join("sentinel.conf"));
    let dir = node.dir().display();
    // A sentinel writes what it learns into its own file.
    std::fs::write(
        &file,
        format!(
            "port {port}\nbind 127.0.0.1\ndir {dir}\n\
             sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}\n\
             sentinel failover-timeout {SERVICE} 3000\n"
        ),
    )?;
    std::fs::set_permissions(&file, Permissions::from_mode(0o666))?;
    let file = file.display().to_string();
    node.run_exactly(&[&file, "--sentinel"]).await?;
    Ok(node)
}

/// A number in what `INFO` answers.
fn field(info: &str, name: &str) -> Result<u64> {
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.with_context(|| format!("no {name} in {info}"))?;
    Ok(value.trim().parse()?)
}
