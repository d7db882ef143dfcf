//! Each script against a real Valkey: the keyspace before, the call, the keyspace after.
//!
//! Times are arguments of the scripts, so the keyspace that a call leaves is the same every time.

mod add_jobs;
mod add_log;
mod cancel_job;
mod change_delay;
mod change_priority;
mod claim_again;
mod clean;
mod continue_scheduler;
mod cost;
mod counts;
mod counts_per_priority;
mod dependencies;
mod drain;
mod extend_locks;
mod faulty_jobs;
mod hints;
mod ids_without_a_job;
mod is_finished;
mod jobs_page;
mod keyspace;
mod left_by_children;
mod limits;
mod lost_schedulers;
mod metrics;
mod obliterate;
mod pause_and_resume;
mod promote;
mod promote_jobs;
mod recover_stalled;
mod release_deduplication;
mod remove_child_dependency;
mod remove_job;
mod remove_scheduler;
mod remove_unprocessed_children;
mod retry_job;
mod retry_jobs;
mod schedulers;
mod settle_and_fetch;
mod setup;
mod state;
mod update_data;
mod update_progress;
mod upsert_scheduler;
mod wire;

use crate::engine::Queue;
use crate::engine::connection::{Connection, ConnectionSettings};
use crate::engine::keys::{QueueId, QueueKeys, Suffix};
use crate::engine::reply::Reply;
use crate::engine::scripts::{self, Script};
use crate::engine::worker::RateLimit;

/// A queue that no other test has, and what tests do to it.
struct Fixture {
    connection: Connection,
    keys: QueueKeys,
    queue: Queue<serde_json::Value>,
}

/// When everything happens: 2026-11-24 08:12:44.676 UTC.
const NOW: u64 = 1_795_507_964_676;

/// Asserts what the queue's keys hold.
macro_rules! assert_keyspace {
    ($fixture:expr, @$expected:literal) => {
        insta::assert_snapshot!($fixture.keyspace().await, @$expected)
    };
}
use assert_keyspace;

/// A job for `add_jobs`.
#[derive(Clone, Copy)]
struct Add<'a> {
    id: &'a str,
    delay: u64,
    priority: u32,
    lifo: bool,
}

const PLAIN: Add<'static> = Add {
    id: "",
    delay: 0,
    priority: 0,
    lifo: false,
};

impl Fixture {
    async fn new() -> Self {
        Self::at_url(&testkit::valkey::shared_url().await).await
    }

    async fn at_url(url: &str) -> Self {
        let settings = ConnectionSettings::parse(url).unwrap();
        let connection = Connection::open(&settings).await.unwrap();
        let id = QueueId::parse(&testkit::valkey::unique_prefix(), "q").unwrap();
        Self {
            keys: QueueKeys::new(&id),
            queue: Queue::new(connection.clone(), id),
            connection,
        }
    }

    /// Sends a command on one of the queue's keys.
    async fn on(&self, command: &'static str, suffix: Suffix, args: &[&str]) -> Reply {
        let mut all = vec![self.keys.of(suffix)];
        all.extend(args.iter().map(ToString::to_string));
        self.connection.command(command, all).await.unwrap()
    }

    async fn call<S: ToString>(&self, script: &Script, args: impl IntoIterator<Item = S>) -> Reply {
        let args = args.into_iter().map(|arg| arg.to_string());
        script
            .call(&self.connection, &self.keys, args)
            .await
            .unwrap()
    }

    async fn add(&self, jobs: &[Add<'_>]) -> Vec<String> {
        // The script takes a call for no job for one about a plain job.
        if jobs.is_empty() {
            return Vec::new();
        }
        let count = jobs.len().to_string();
        let mut args = ["1", self.keys.base(), &count, &count]
            .map(str::to_owned)
            .to_vec();
        for job in jobs {
            let mut details = Vec::new();
            let mut flags = String::new();
            let optional = [
                ('i', (!job.id.is_empty()).then(|| job.id.to_owned())),
                ('d', (job.delay > 0).then(|| job.delay.to_string())),
                ('p', (job.priority > 0).then(|| job.priority.to_string())),
            ];
            for (flag, detail) in optional {
                flags.extend(detail.is_some().then_some(flag));
                details.extend(detail);
            }
            flags.extend(job.lifo.then_some('l'));
            args.push(flags);
            args.extend(["greet", r#"{"to":"Ada"}"#, r#"{"attempts":3}"#].map(String::from));
            args.push(NOW.to_string());
            args.extend(details);
        }
        // One job that is plain is told of by what every job has.
        let is_plain = jobs.len() == 1 && args[4].is_empty();
        let args = if is_plain { &args[5..] } else { &args };
        let queues = [&self.keys];
        let reply = scripts::ADD_JOBS.call_for(&self.connection, &queues, |call| call.extend(args));
        match reply.await.unwrap() {
            Reply::List(ids) => ids.iter().map(text).collect(),
            other => panic!("not ids: {other:?}"),
        }
    }

    /// Claims a job for each token; the ids.
    async fn fetch(&self, now: u64, limit: Option<RateLimit>, tokens: &[&str]) -> Fetch {
        self.settle_and_fetch(now, limit, &[], tokens).await
    }

    async fn settle(&self, now: u64, jobs: &[[&str; 11]]) -> Vec<i64> {
        self.settle_and_fetch(now, None, jobs, &[]).await.codes
    }

    async fn settle_and_fetch(
        &self,
        now: u64,
        limit: Option<RateLimit>,
        settled: &[[&str; 11]],
        tokens: &[&str],
    ) -> Fetch {
        let limits = limit.map_or_else(String::new, |limit| {
            format!("{}:{}:", limit.max, limit.window.as_millis())
        });
        let round = Round {
            now: &now.to_string(),
            limits: &limits,
            hint: "",
            settled,
            tokens,
        };
        Fetch::of(self.round(round).await, settled.len())
    }

    /// What a call of `settle_and_fetch` answers.
    async fn round(&self, round: Round<'_>) -> Reply {
        let Round {
            now,
            limits,
            hint,
            settled,
            tokens,
        } = round;
        let (wanted, count) = (tokens.len().to_string(), settled.len().to_string());
        let worker = format!("30000|{limits}|w1");
        let head = [now, &worker, hint, &wanted, &count].map(str::to_owned);
        let settled = settled.iter().flat_map(settlement_args);
        let tokens = tokens.iter().map(ToString::to_string);
        let args: Vec<_> = head.into_iter().chain(settled).chain(tokens).collect();
        self.call_settle_and_fetch(&args).await
    }

    async fn call_settle_and_fetch(&self, args: &[String]) -> Reply {
        let queues = [&self.keys];
        let called = scripts::SETTLE_AND_FETCH
            .call_for(&self.connection, &queues, |call| call.extend(args))
            .await;
        called.unwrap()
    }

    async fn keyspace(&self) -> String {
        let dump = keyspace::dump(&self.connection, self.keys.base()).await;
        // Keys of jobs stand in the values of others, with a prefix that no two tests share.
        dump.replace(self.keys.base().trim_end_matches(':'), "QUEUE")
    }
}

/// What a call of `settle_and_fetch` says: when it is made, in Unix milliseconds, the worker's limits,
/// what the worker knows, the jobs it settles, and the tokens of those it takes.
#[derive(Default)]
struct Round<'a> {
    now: &'a str,
    limits: &'a str,
    hint: &'a str,
    settled: &'a [[&'a str; 11]],
    tokens: &'a [&'a str],
}

/// What `settle_and_fetch` takes for a settlement, from all that may be told of one: kind, id,
/// token, value, stack traces, attempts, the count, age and limit of what is kept, delay, flag.
pub(crate) fn settlement_args(settlement: &[&str; 11]) -> Vec<String> {
    let [
        kind,
        id,
        token,
        value,
        traces,
        attempts,
        count,
        age,
        limit,
        delay,
        flag,
    ] = *settlement;
    let keep = if age == "-1" {
        count.to_owned()
    } else {
        format!("{count}:{age}:{limit}")
    };
    let failure = [value, traces, ""];
    let (kind, details) = match (kind, flag) {
        ("completed", _) => (kind, vec![value, &keep]),
        ("failed", _) => (kind, [&failure[..], &[attempts, &keep]].concat()),
        ("retry", _) => (kind, [&failure[..], &[flag]].concat()),
        ("delay", "1") => (kind, [&failure[..], &[delay]].concat()),
        ("delay", _) => ("put-off", vec![delay]),
        ("limit", _) => (kind, vec![delay]),
        _ => (kind, vec![]),
    };
    let args = [kind, id, token].into_iter().chain(details);
    args.map(str::to_owned).collect()
}

/// How much `settle_and_fetch` tells of a job that was taken, and where its id stands.
pub(crate) const FIELDS: usize = 11;
pub(crate) const ID: usize = 9;

/// What `settle_and_fetch` answered.
#[derive(Debug)]
struct Fetch {
    codes: Vec<i64>,
    ids: Vec<String>,
    limited_for: i64,
    due: String,
}

impl Fetch {
    /// Reads the answer of a call that settled this many jobs.
    fn of(reply: Reply, settled: usize) -> Self {
        let Reply::List(parts) = reply else {
            panic!("not a list: {reply:?}")
        };
        let [rest @ .., limited_for, due] = &parts[..] else {
            panic!("not two times: {parts:?}")
        };
        let (jobs, codes) = rest.split_at(rest.len() - settled);
        let int = |number: &Reply| match number {
            Reply::Int(number) => *number,
            other => panic!("not a number: {other:?}"),
        };
        Self {
            codes: codes.iter().map(int).collect(),
            ids: jobs.chunks(FIELDS).map(|job| text(&job[ID])).collect(),
            limited_for: int(limited_for),
            due: text(due),
        }
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Text(text) => text.clone(),
        Reply::Int(number) => number.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}
