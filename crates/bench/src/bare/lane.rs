//! A connection that sends one call after another.

use std::ops::Range;

use anyhow::{Context, Result, bail};

use crate::environment::{Environment, Keep};
use crate::plain::{PlainConnection, Reply};
use crate::setup::{Filler, Payload, unix_millis};

const ADD: &str = include_str!("add.lua");
const SETTLE_AND_FETCH: &str = include_str!("settle_and_fetch.lua");

/// How long a lock lasts, in milliseconds, as BullMQ has it.
const LOCK: &str = "30000";

/// How long the server lets a worker wait, in seconds.
const SLEEP: &str = "5";

/// A job at work.
pub(super) struct Fetched {
    pub(super) id: String,
    /// The number in its data.
    pub(super) i: usize,
}

pub(super) struct Lane {
    connection: PlainConnection,
    filler: Filler,
    /// What every key of the queue begins with.
    prefix: String,
    keeps: bool,
    /// The scripts' names in the server.
    add: String,
    settle_and_fetch: String,
}

impl Lane {
    pub(super) async fn open(environment: &Environment, url: &str) -> Result<Self> {
        let mut connection = PlainConnection::open(url).await?;
        let add = load(&mut connection, ADD).await?;
        let settle_and_fetch = load(&mut connection, SETTLE_AND_FETCH).await?;
        Ok(Self {
            connection,
            filler: Filler::of(environment),
            prefix: format!("bull:{}:", environment.queue),
            keeps: environment.keep != Keep::None,
            add,
            settle_and_fetch,
        })
    }

    /// Adds the jobs of these numbers, in one call.
    pub(super) async fn add(&mut self, numbers: Range<usize>) -> Result<()> {
        let count = numbers.len();
        let data = numbers.map(|i| serde_json::to_string(&self.filler.payload(i)));
        let data = data.collect::<Result<Vec<_>, _>>()?;
        let keys = self.keys(["wait", "marker", "id", "events"]);
        let now = now();
        let mut words = vec!["EVALSHA", &self.add, "4"];
        words.extend(keys.iter().map(String::as_str));
        words.extend([self.prefix.as_str(), &now]);
        words.extend(data.iter().map(String::as_str));
        let reply = self.connection.ask(&words).await?;
        if reply != Reply::Number(i64::try_from(count)?) {
            bail!("{count} jobs were added, and the server answered {reply:?}");
        }
        Ok(())
    }

    /// Completes jobs and fetches up to `want` more.
    pub(super) async fn settle_and_fetch(
        &mut self,
        ended: &[Fetched],
        want: usize,
    ) -> Result<Vec<Fetched>> {
        self.put_settle_and_fetch(&now(), ended, want);
        self.connection.sender.flush().await?;
        self.fetched().await
    }

    /// Waits for a job, and fetches up to `want` in the same round trip.
    pub(super) async fn sleep_and_fetch(&mut self, want: usize) -> Result<Vec<Fetched>> {
        let marker = format!("{}marker", self.prefix);
        self.connection.sender.put(&["BZPOPMIN", &marker, SLEEP]);
        self.put_settle_and_fetch("", &[], want);
        self.connection.sender.flush().await?;
        self.connection.receiver.reply().await?;
        self.fetched().await
    }

    fn put_settle_and_fetch(&mut self, now: &str, ended: &[Fetched], want: usize) {
        let keys = self.keys(["wait", "active", "events", "marker", "completed", "stalled"]);
        let want = want.to_string();
        let keeps = if self.keeps { "1" } else { "0" };
        let mut words = vec!["EVALSHA", &self.settle_and_fetch, "6"];
        words.extend(keys.iter().map(String::as_str));
        words.extend([self.prefix.as_str(), now, "bare:1", LOCK, keeps, &want]);
        words.extend(ended.iter().map(|job| job.id.as_str()));
        self.connection.sender.put(&words);
    }

    async fn fetched(&mut self) -> Result<Vec<Fetched>> {
        let Reply::List(items) = self.connection.receiver.reply().await? else {
            bail!("a script answered with something that is no list");
        };
        let mut items = items.into_iter();
        let mut fetched = Vec::with_capacity(items.len() / 2);
        while let Some((Reply::Text(id), Some(Reply::Text(data)))) =
            items.next().map(|id| (id, items.next()))
        {
            let data: Payload = serde_json::from_str(&data).context("a job's data is not ours")?;
            fetched.push(Fetched { id, i: data.i });
        }
        Ok(fetched)
    }

    fn keys<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        names.map(|name| format!("{}{name}", self.prefix))
    }
}

async fn load(connection: &mut PlainConnection, script: &str) -> Result<String> {
    match connection.ask(&["SCRIPT", "LOAD", script]).await? {
        Reply::Text(name) => Ok(name),
        other => bail!("a script was loaded, and the server answered {other:?}"),
    }
}

fn now() -> String {
    format!("{:.0}", unix_millis())
}
