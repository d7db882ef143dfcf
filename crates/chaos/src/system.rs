//! The whole system as an operator runs it: servers, and the real programs, each in a slot in which
//! it is started again when it has ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;
use testkit::port::free_port;
use testkit::postgres::PrivatePostgres;
use testkit::program::Program;
use testkit::proxy::Proxy;
use testkit::sql::Sql;
use testkit::valkey::{Persistence, PrivateValkey};

use crate::skew::Skew;

/// What all keys in Valkey start with.
pub(crate) const PREFIX: &str = "chaos";

/// The workers, in the order in which they are started.
const WORKERS: [&str; 3] = ["notification-worker", "feed-worker", "analytics-worker"];

/// What the processes log: not each of a million requests.
const LOGGED: &str = "info,web::request=warn";

/// How long a process that ends by itself has run at least when it is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// Where everything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DatabaseKind {
    /// A Postgres that is killed too; two of each process.
    Postgres,
    /// An `SQLite` file; one of each process.
    Sqlite,
}

/// How jobs of a dead worker are found, and how often one may lose its worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Locks {
    pub(crate) duration: Duration,
    pub(crate) check: Duration,
    pub(crate) max_stalls: u32,
}

/// Everything that runs.
pub(crate) struct System {
    pub(crate) valkey: PrivateValkey,
    pub(crate) postgres: Option<PrivatePostgres>,
    pub(crate) sql: Sql,
    pub(crate) slots: Vec<Slot>,
    dir: TempDir,
}

/// What a process is started with.
struct Start {
    name: &'static str,
    api: Option<u16>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// A process and its way to Valkey, which stays when the process is started again.
pub(crate) struct Slot {
    pub(crate) name: &'static str,
    pub(crate) proxy: Proxy,
    pub(crate) program: Program,
    begun: Instant,
    /// Where the API is, if it is a `web`.
    pub(crate) api: Option<u16>,
    ops: u16,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    dir: PathBuf,
}

impl System {
    /// Starts the servers and the processes, and waits until all are ready.
    pub(crate) async fn start(
        database: DatabaseKind,
        persistence: Persistence,
        locks: Locks,
        skew: &Skew,
    ) -> Result<Self> {
        let mut system = Self::start_web(database, persistence).await?;
        let of_each = system.slots.len();
        let names = WORKERS
            .into_iter()
            .flat_map(|name| std::iter::repeat_n(name, of_each));
        for (number, name) in names.enumerate() {
            let slot = system.worker(name, locks, &[], skew.of(number)).await?;
            system.slots.push(slot);
        }
        Ok(system)
    }

    /// Starts the servers and as many `web` as the database can have.
    pub(crate) async fn start_web(
        database: DatabaseKind,
        persistence: Persistence,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("bellwether-chaos-")
            .tempdir()?;
        let valkey = PrivateValkey::start_keeping(persistence).await?;
        let (postgres, url, count) = match database {
            DatabaseKind::Postgres => {
                let postgres = PrivatePostgres::start().await?;
                let url = postgres.url();
                (Some(postgres), url, 2)
            }
            DatabaseKind::Sqlite => {
                let file = dir.path().join("bellwether.db");
                (None, format!("sqlite://{}", file.display()), 1)
            }
        };
        let mut slots = Vec::new();
        for _ in 0..count {
            slots.push(Slot::web(&url, &valkey.url(), dir.path()).await?);
        }
        Ok(Self {
            sql: Sql::at(&url),
            valkey,
            postgres,
            slots,
            dir,
        })
    }

    /// Starts a worker on the same database and queues, and waits until it is ready.
    pub(crate) async fn worker(
        &self,
        name: &'static str,
        locks: Locks,
        extra: &[&str],
        variables: Vec<(String, String)>,
    ) -> Result<Slot> {
        let millis = |duration: Duration| format!("{}ms", duration.as_millis());
        let mut arguments = vec![
            "--lock-duration".to_owned(),
            millis(locks.duration),
            "--stalled-interval".to_owned(),
            millis(locks.check),
            "--max-stalls".to_owned(),
            locks.max_stalls.to_string(),
            // A thousand notifications would take ten minutes.
            "--queue-option".to_owned(),
            "notifications.rate-limit=none".to_owned(),
        ];
        arguments.extend(extra.iter().map(|argument| (*argument).to_owned()));
        let program = Start {
            name,
            api: None,
            arguments,
            variables,
        };
        let valkey = self.valkey.url();
        Slot::start(program, self.sql.url(), &valkey, self.dir.path()).await
    }

    /// The ports of the APIs.
    pub(crate) fn apis(&self) -> Vec<u16> {
        self.slots.iter().filter_map(|slot| slot.api).collect()
    }

    /// Keeps the folder of what the processes printed, and says where it is.
    pub(crate) fn keep_logs(self) -> PathBuf {
        let Self { dir, .. } = self;
        dir.keep()
    }
}

impl Slot {
    async fn web(database: &str, valkey: &str, dir: &Path) -> Result<Self> {
        let api = free_port()?;
        let address = format!("127.0.0.1:{api}");
        // Few tokens carry the whole load.
        let arguments = ["--http-addr", &address, "--token-rate", "none"];
        let arguments = arguments.map(str::to_owned).to_vec();
        let program = Start {
            name: "web",
            api: Some(api),
            arguments,
            variables: Vec::new(),
        };
        Self::start(program, database, valkey, dir).await
    }

    async fn start(start: Start, database: &str, valkey: &str, dir: &Path) -> Result<Self> {
        let Start {
            name,
            api,
            mut arguments,
            mut variables,
        } = start;
        let target = valkey
            .strip_prefix("redis://")
            .context("the URL of a Valkey starts with redis://")?;
        let proxy = Proxy::start(target).await?;
        let ops = free_port()?;
        for (flag, value) in [
            ("--ops-addr", format!("127.0.0.1:{ops}")),
            ("--database-url", database.to_owned()),
            ("--valkey-url", proxy.url()),
            ("--valkey-prefix", PREFIX.to_owned()),
        ] {
            arguments.extend([flag.to_owned(), value]);
        }
        variables.push(("RUST_LOG".to_owned(), LOGGED.to_owned()));
        let program = run(name, dir, &arguments, &variables)?;
        let mut slot = Self {
            name,
            proxy,
            program,
            begun: Instant::now(),
            api,
            ops,
            arguments,
            variables,
            dir: dir.to_owned(),
        };
        slot.until_ready().await?;
        Ok(slot)
    }

    pub(crate) async fn until_ready(&mut self) -> Result<()> {
        self.program.until_ready(self.ops, "/readyz").await
    }

    /// Kills the process and starts it again at once.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.program.kill()?;
        self.start_again()
    }

    /// Starts the process again if it has ended by itself, as a supervisor would. Returns how it ended
    /// and what it said last.
    pub(crate) fn supervise(&mut self) -> Result<Option<String>> {
        // One that can't start while the database is away would else be tried fifty times a second.
        if self.begun.elapsed() <= RESTART_PAUSE {
            return Ok(None);
        }
        let Some(status) = self.program.ended()? else {
            return Ok(None);
        };
        let output = self.program.output();
        let said = output.lines().last().unwrap_or("nothing");
        let how = format!("{} ended by itself ({status}) and said: {said}", self.name);
        self.start_again()?;
        Ok(Some(how))
    }

    fn start_again(&mut self) -> Result<()> {
        self.program = run(self.name, &self.dir, &self.arguments, &self.variables)?;
        self.begun = Instant::now();
        Ok(())
    }
}

fn run(
    name: &str,
    dir: &Path,
    arguments: &[String],
    variables: &[(String, String)],
) -> Result<Program> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Program::start_with_env(name, dir, &arguments, &variables)
}
