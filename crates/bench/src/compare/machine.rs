//! Where and with what was measured.

use std::process::Command;

use anyhow::{Context, Result};

use super::program::Programs;
use crate::runtime::runtime;
use crate::server::Server;

/// Machine and versions, a line each.
pub(super) fn describe(programs: &Programs, port: u16) -> Result<Vec<String>> {
    let cores = std::thread::available_parallelism()?;
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("a processor that is not named", |(_, model)| model);
    let lock = programs.node.with_file_name("package-lock.json");
    let lock = std::fs::read_to_string(&lock)
        .with_context(|| format!("{} can't be read", lock.display()))?;
    let lock: serde_json::Value = serde_json::from_str(&lock)?;
    let package = |name: &str| {
        let version = &lock["packages"][format!("node_modules/{name}")]["version"];
        format!("{name} {}", version.as_str().unwrap_or("of no version"))
    };
    let pinned = |manifest: &str, name: &str| -> Result<String> {
        let manifest: toml::Table = toml::from_str(manifest)?;
        let version = manifest["dependencies"][name].as_str().unwrap_or_default();
        Ok(format!("{name} {}", version.trim_start_matches('=')))
    };
    Ok(vec![
        format!("{cores} cores of {model}, {}", said("uname", &["-sr"])),
        format!("{}, on the same machine", server_version(port)?),
        format!(
            "Node {}, {}, {}",
            said("node", &["--version"]),
            package("bullmq"),
            package("ioredis")
        ),
        pinned(
            include_str!("../../peers/official/Cargo.toml"),
            "bullmq-official",
        )?,
        pinned(
            include_str!("../../peers/apalis/Cargo.toml"),
            "apalis-redis",
        )?,
        format!("Bellwether {}", env!("CARGO_PKG_VERSION")),
    ])
}

fn server_version(port: u16) -> Result<String> {
    let runtime = runtime(1)?;
    let info = runtime.block_on(async {
        let mut server = Server::connect(&format!("redis://127.0.0.1:{port}")).await?;
        server.send(&["INFO", "server"]).await
    })?;
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    Ok(match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, version) => format!("Redis {}", version.unwrap_or("of no version")),
    })
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| format!("{program} unknown"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
