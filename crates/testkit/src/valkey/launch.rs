//! Starts a server, in a container or as a process.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

/// The image, under the tag that `scripts/valkey-image` also gives to one built without a registry.
const IMAGE: (&str, &str) = ("valkey/valkey", "8.1");

/// How long servers may take to start, or to find each other.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where servers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Container,
    Local,
}

impl Source {
    /// What this machine has, or what `TESTKIT_VALKEY` insists on.
    pub(super) fn find() -> Result<Self> {
        match std::env::var("TESTKIT_VALKEY").as_deref() {
            Ok("container") => Ok(Self::Container),
            Ok("local") => Ok(Self::Local),
            Ok(other) if other != "auto" => {
                bail!("TESTKIT_VALKEY is `{other}`; expected container, local or auto")
            }
            _ if docker_answers() => Ok(Self::Container),
            _ if local_server().is_some() => Ok(Self::Local),
            _ => bail!(
                "tests need a Valkey: start a Docker daemon, or install valkey-server (or \
                 redis-server 7 or later)"
            ),
        }
    }

    /// The same for servers that must reach each other and the test under the same addresses. A
    /// container can do that on Linux alone, so a program goes first.
    pub(super) fn find_beside_others() -> Result<Self> {
        let insists = std::env::var("TESTKIT_VALKEY").is_ok_and(|wish| wish == "container");
        if !insists && local_server().is_some() {
            return Ok(Self::Local);
        }
        Self::find()
    }
}

fn docker_answers() -> bool {
    if std::env::var_os("DOCKER_HOST").is_some() {
        return true;
    }
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let sockets = [
        PathBuf::from("/var/run/docker.sock"),
        home.join(".docker/run/docker.sock"),
    ];
    sockets
        .iter()
        .any(|socket| UnixStream::connect(socket).is_ok())
}

fn local_server() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = |name| {
        std::env::split_paths(&path)
            .map(move |dir| dir.join(name))
            .find(|p| p.is_file())
    };
    found("valkey-server").or_else(|| found("redis-server"))
}

/// A server in a container. `port` is its port on this machine, so that it keeps its address when
/// it is started again.
pub(super) async fn container(
    port: u16,
    arguments: &[&str],
) -> Result<ContainerAsync<GenericImage>> {
    let server = std::iter::once("valkey-server")
        .chain(["--bind", "0.0.0.0", "--protected-mode", "no"])
        .chain(arguments.iter().copied());
    GenericImage::new(IMAGE.0, IMAGE.1)
        .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
        .with_mapped_port(port, 6379.tcp())
        .with_cmd(server)
        .start()
        .await
        .context("no Valkey container could be started")
}

/// A server in a container that shares this machine's network, and its folder under the same name.
pub(super) async fn container_on_host(
    dir: &Path,
    arguments: &[&str],
) -> Result<ContainerAsync<GenericImage>> {
    let dir = dir.display().to_string();
    GenericImage::new(IMAGE.0, IMAGE.1)
        // The image's own would run it as a user who may not read the folder.
        .with_entrypoint("valkey-server")
        .with_network("host")
        .with_mount(Mount::bind_mount(dir.clone(), dir))
        .with_cmd(arguments.iter().copied())
        .start()
        .await
        .context("no Valkey container could be started")
}

/// A server as a process.
pub(super) fn process(port: u16, dir: &Path, arguments: &[&str]) -> Result<Child> {
    let port = port.to_string();
    let folder = dir.display().to_string();
    let mut all = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", &folder];
    all.extend(arguments);
    program(dir, &all)
}

/// A server as a process of its own group, so that what ends the test's group does not end it.
pub(super) fn program(dir: &Path, arguments: &[&str]) -> Result<Child> {
    use std::os::unix::process::CommandExt;

    let server = local_server().context("there is no valkey-server or redis-server on the path")?;
    let log = std::fs::File::create(dir.join("valkey.log"))?;
    Command::new(&server)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} could not be started", server.display()))
}

/// Waits until the server answers.
pub(super) async fn until_it_answers(port: u16) -> Result<()> {
    let what = format!("the Valkey on port {port} to answer");
    until(&what, async || Ok(answers(port).await)).await
}

/// Waits until something is so, at most half a minute.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await? {
        if tokio::time::Instant::now() > deadline {
            bail!("waited in vain for {what}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Whether a server answers at this port.
pub(super) async fn answers(port: u16) -> bool {
    send(port, "PING\r\n", "+PONG").await.is_ok()
}

/// Sends an inline command, and fails unless the answer starts as expected.
pub(super) async fn send(port: u16, command: &str, expected: &str) -> Result<()> {
    let ask = async {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(command.as_bytes()).await?;
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(1), ask).await??;
    if answer != expected.as_bytes() {
        bail!(
            "expected {expected}, got {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

/// Sends an inline command and returns the answer, a line or a text.
pub(super) async fn ask(port: u16, command: &str) -> Result<String> {
    let ask = async {
        let mut stream = BufStream::new(TcpStream::connect(("127.0.0.1", port)).await?);
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        stream.flush().await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        if let Some(length) = answer.strip_prefix('$') {
            let mut text = vec![0; length.trim().parse()?];
            stream.read_exact(&mut text).await?;
            answer = String::from_utf8(text)?;
        }
        Ok(answer)
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await?
}
