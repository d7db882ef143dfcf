//! Ports for servers that tests start.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the range from which systems take the ports of outgoing connections: none of those can
/// slip in between the choice of a port and the start of its server.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// The ports of this process. Their locks are held until it ends, so that no other test is given
/// one of them.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// The folder that all test processes of this checkout share.
pub(crate) fn shared_dir() -> Result<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/testkit");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// A port that nobody listens on, and that no other test will be given while this process lives.
pub fn free_port() -> Result<u16> {
    let locks = shared_dir()?.join("ports");
    std::fs::create_dir_all(&locks)?;
    let count = u32::from(RANGE.end - RANGE.start);
    // Tests start all over the range, or each would try all the ports that others have taken.
    let start = uuid::Uuid::new_v4().as_fields().0 % count;
    for step in 0..count {
        let offset = u16::try_from((start + step) % count)?;
        let port = RANGE.start + offset;
        let lock = File::create(locks.join(port.to_string()))?;
        if lock.try_lock().is_err() || TcpListener::bind(("127.0.0.1", port)).is_err() {
            continue;
        }
        TAKEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lock);
        return Ok(port);
    }
    bail!("no port from {} to {} is free", RANGE.start, RANGE.end)
}
