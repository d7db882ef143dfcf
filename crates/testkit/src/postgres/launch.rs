//! Starts a server, in a container or as a process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::{Connection, PgConnection};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

/// The image, which `scripts/test` pulls.
const IMAGE: (&str, &str) = ("postgres", "17");

/// Who owns the databases. No password: the servers listen on this machine alone.
const OWNER: &str = "bellwether";

/// Where servers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Container,
    Local,
}

impl Source {
    /// What this machine has, or what `TESTKIT_POSTGRES` insists on.
    pub(super) fn find() -> Result<Self> {
        match std::env::var("TESTKIT_POSTGRES").as_deref() {
            Ok("container") => Ok(Self::Container),
            Ok("local") => Ok(Self::Local),
            Ok(other) if other != "auto" => {
                bail!("TESTKIT_POSTGRES is `{other}`; expected container, local or auto")
            }
            _ if docker_has_image() => Ok(Self::Container),
            _ if programs().is_some() => Ok(Self::Local),
            _ => bail!(
                "tests need a Postgres: pull the image {}:{}, or install postgresql (14 or later)",
                IMAGE.0,
                IMAGE.1
            ),
        }
    }
}

/// The URL of a database of a server on this port.
pub(super) fn url(port: u16, database: &str) -> String {
    format!("postgres://{OWNER}@127.0.0.1:{port}/{database}")
}

fn docker_has_image() -> bool {
    Command::new("docker")
        .args(["image", "inspect", &format!("{}:{}", IMAGE.0, IMAGE.1)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The folder of the server's programs: on the path, or where Debian and Homebrew put them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let versions = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut versions: Vec<_> = versions.map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A server in a container. `port` is its port on this machine, so that it keeps its address when
/// it is started again.
pub(super) async fn container(
    port: u16,
    settings: &[&str],
) -> Result<ContainerAsync<GenericImage>> {
    let arguments = settings.iter().flat_map(|setting| ["-c", setting]);
    GenericImage::new(IMAGE.0, IMAGE.1)
        // It starts twice: the first time to set itself up, without listening.
        .with_wait_for(WaitFor::message_on_stderr("listening on IPv4 address"))
        .with_mapped_port(port, 5432.tcp())
        .with_env_var("POSTGRES_USER", OWNER)
        .with_env_var("POSTGRES_DB", "postgres")
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_cmd(std::iter::once("postgres").chain(arguments))
        .start()
        .await
        .context("no Postgres container could be started")
}

/// The same with TLS. The image's own start makes data, so the server's files are put beside it: its
/// user must own the key.
pub(super) async fn secure_container(
    port: u16,
    certificate: &str,
    key: &str,
) -> Result<ContainerAsync<GenericImage>> {
    let start = "printf '%s' \"$CERTIFICATE\" >/tmp/server.pem && \
        printf '%s' \"$KEY\" >/tmp/server.key && \
        chown postgres /tmp/server.pem /tmp/server.key && chmod 600 /tmp/server.key && \
        exec docker-entrypoint.sh postgres -c fsync=off -c ssl=on \
            -c ssl_cert_file=/tmp/server.pem -c ssl_key_file=/tmp/server.key";
    GenericImage::new(IMAGE.0, IMAGE.1)
        .with_wait_for(WaitFor::message_on_stderr("listening on IPv4 address"))
        .with_mapped_port(port, 5432.tcp())
        .with_env_var("POSTGRES_USER", OWNER)
        .with_env_var("POSTGRES_DB", "postgres")
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_env_var("CERTIFICATE", certificate)
        .with_env_var("KEY", key)
        .with_cmd(["sh", "-c", start])
        .start()
        .await
        .context("no Postgres container could be started")
}

/// Makes a file that of the user who runs the server.
pub(super) fn give_to_server(path: &Path, dir: &Path) -> Result<()> {
    if let Some((uid, gid)) = other_user(dir)? {
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// SIGQUIT makes all of the server's processes end where they are. SIGKILL would end the first of
/// them alone, and a new one can't start while the others still work on the data.
pub(super) fn end_at_once(child: &mut Child) -> Result<()> {
    let pid = child.id().to_string();
    let status = Command::new("kill").args(["-QUIT", &pid]).status()?;
    if !status.success() {
        bail!("the Postgres with the number {pid} could not be sent SIGQUIT");
    }
    child.wait()?;
    Ok(())
}

/// Makes the data of a new server in an empty folder.
pub(super) fn make_data(dir: &Path) -> Result<()> {
    if let Some((uid, gid)) = other_user(dir)? {
        chown(dir, Some(uid), Some(gid))?;
    }
    let made = program("initdb", dir)?
        .args(["--username", OWNER, "--auth", "trust"])
        .args(["--encoding", "UTF8", "--no-locale", "--no-sync", "--pgdata"])
        .arg(dir.join("data"))
        .stdin(Stdio::null())
        .output()
        .context("initdb could not be started")?;
    if !made.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(())
}

/// A server as a process of its own group, so that what ends the test's group does not end it.
pub(super) fn process(port: u16, dir: &Path, settings: &[&str]) -> Result<Child> {
    let log = File::create(dir.join("postgres.log"))?;
    let port = format!("port={port}");
    let sockets = format!("unix_socket_directories={}", dir.display());
    let own = ["listen_addresses=127.0.0.1", &port, &sockets];
    program("postgres", dir)?
        .arg("-D")
        .arg(dir.join("data"))
        .args(
            own.iter()
                .chain(settings)
                .flat_map(|setting| ["-c", setting]),
        )
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("postgres could not be started")
}

/// A program of the server's, run by a user who isn't root, as it insists.
fn program(name: &str, dir: &Path) -> Result<Command> {
    let programs = programs().context("no Postgres is installed: initdb was not found")?;
    let mut command = Command::new(programs.join(name));
    command.current_dir(dir);
    if let Some((uid, gid)) = other_user(dir)? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// Who runs the server: this user, or `postgres` if this one is root.
fn other_user(dir: &Path) -> Result<Option<(u32, u32)>> {
    let new = tempfile::NamedTempFile::new_in(dir)?;
    if new.as_file().metadata()?.uid() != 0 {
        return Ok(None);
    }
    let users = BufReader::new(File::open("/etc/passwd")?).lines();
    let postgres = users
        .map_while(Result::ok)
        .find(|line| line.starts_with("postgres:"))
        .context("Postgres can't be run by root, and there is no user `postgres`")?;
    let mut numbers = postgres.split(':').skip(2).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(uid)), Some(Ok(gid))) => Ok(Some((uid, gid))),
        _ => bail!("the user `postgres` has no number in /etc/passwd"),
    }
}

/// Waits until the server answers, at most a minute.
pub(super) async fn until_it_answers(port: u16) -> Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !answers(port).await {
        if tokio::time::Instant::now() > deadline {
            bail!("the Postgres on port {port} did not answer within a minute");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Whether a server of ours answers at this port.
pub(super) async fn answers(port: u16) -> bool {
    let url = url(port, "postgres");
    let ask = async { PgConnection::connect(&url).await?.ping().await };
    matches!(
        tokio::time::timeout(Duration::from_secs(3), ask).await,
        Ok(Ok(()))
    )
}
