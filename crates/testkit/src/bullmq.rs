//! BullMQ's own Node client, to compare with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra-redis/tests/interop/node")
}

/// Whether BullMQ's client can be run here. A machine without Node skips the tests that need it,
/// and says so.
///
/// # Panics
///
/// In continuous integration, where it must be there.
pub fn is_installed() -> bool {
    let is_installed = scripts().join("node_modules/bullmq").is_dir();
    if !is_installed {
        assert!(
            std::env::var_os("CI").is_none(),
            "BullMQ's client is not installed: run `npm ci` in {}",
            scripts().display()
        );
        eprintln!("skipped: BullMQ's client is not installed; scripts/test installs it");
    }
    is_installed
}

/// Runs a command of `bullmq.js` on a queue; what it answered.
pub async fn run(
    command: &str,
    url: &str,
    prefix: &str,
    queue: &str,
    count: usize,
) -> Result<Value> {
    run_file("bullmq.js", command, url, prefix, queue, count).await
}

/// Runs a command of another script that takes the same arguments; what it answered.
pub async fn run_file(
    file: &str,
    command: &str,
    url: &str,
    prefix: &str,
    queue: &str,
    count: usize,
) -> Result<Value> {
    let output = Command::new("node")
        .arg(scripts().join(file))
        .args([command, url, prefix, queue, &count.to_string()])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .context("BullMQ's client did not answer within a minute")??;
    if !output.status.success() {
        bail!(
            "BullMQ's client failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
