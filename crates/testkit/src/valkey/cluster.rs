//! A cluster of three nodes.

use anyhow::Result;

use super::launch::{self, until};
use super::node::Node;
use crate::port::free_port;

/// The slots of each node.
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

/// A cluster of three primaries. Ends with the value.
pub struct ClusterValkey {
    nodes: Vec<Node>,
}

impl ClusterValkey {
    /// Starts the nodes, gives each a third of the slots, and waits until they agree.
    pub async fn start() -> Result<Self> {
        let mut nodes = Vec::new();
        let mut bus_ports = Vec::new();
        for _ in SLOTS {
            let bus = free_port()?;
            let bus_port = bus.to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus_port];
            nodes.push(Node::start(&arguments).await?);
            bus_ports.push(bus);
        }
        for (node, (first, last)) in nodes.iter().zip(SLOTS) {
            let take = format!("CLUSTER ADDSLOTSRANGE {first} {last}\r\n");
            launch::send(node.port(), &take, "+OK").await?;
            let (port, bus) = (nodes[0].port(), bus_ports[0]);
            let meet = format!("CLUSTER MEET 127.0.0.1 {port} {bus}\r\n");
            launch::send(node.port(), &meet, "+OK").await?;
        }
        for node in &nodes {
            until("the cluster to agree", async || {
                let info = launch::ask(node.port(), "CLUSTER INFO").await?;
                let is_whole = info.contains("cluster_slots_ok:16384");
                Ok(is_whole && info.contains("cluster_state:ok"))
            })
            .await?;
        }
        Ok(Self { nodes })
    }

    /// Its URL, which names every node.
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.nodes.iter().map(Node::port).collect();
        format!(
            "redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}",
            ports[0], ports[1], ports[2]
        )
    }

    /// How many keys each node holds.
    pub async fn keys_by_node(&self) -> Result<Vec<u64>> {
        let mut counts = Vec::new();
        for node in &self.nodes {
            let size = launch::ask(node.port(), "DBSIZE").await?;
            counts.push(size.trim_start_matches(':').trim().parse()?);
        }
        Ok(counts)
    }
}
