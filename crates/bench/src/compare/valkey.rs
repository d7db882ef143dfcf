//! A server of the comparison's own, which is emptied before each run.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends with the value.
pub(super) struct Valkey {
    port: u16,
    child: Child,
    folder: PathBuf,
}

impl Valkey {
    pub(super) fn start(options: &[&str]) -> Result<Self> {
        // The system gives a port that is free; the server takes it at once.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("bellwether-bench-{port}"));
        std::fs::create_dir_all(&folder)?;
        let mut start = None;
        for name in ["valkey-server", "redis-server"] {
            let child = Command::new(name)
                .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
                .arg(&folder)
                .args(options)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            if let Ok(child) = child {
                start = Some(child);
                break;
            }
        }
        let child = start.context("neither valkey-server nor redis-server is on the path")?;
        let valkey = Self {
            port,
            child,
            folder,
        };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begin.elapsed() > PATIENCE {
                bail!("the server did not start within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(valkey)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        // It may have ended by itself, and its files with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
