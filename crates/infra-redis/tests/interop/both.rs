//! The same done by BullMQ's own client and by this engine, and what each leaves in Valkey, in a
//! form that can be compared: times, tokens and made-up ids differ from run to run.
#![allow(dead_code, reason = "every test binary uses a part")]

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use infra_redis::engine::{Connection, Queue, QueueId, Reply, WorkerSettings};
use serde_json::Value;

use crate::support::TestQueue;

/// Two installations that nobody else has: one for each client.
pub(crate) struct Both {
    pub(crate) theirs: String,
    pub(crate) ours: String,
}

impl Both {
    pub(crate) fn new() -> Self {
        // A hash tag, as in a cluster.
        let prefix = || format!("{{{}}}", testkit::valkey::unique_prefix());
        Self {
            theirs: prefix(),
            ours: prefix(),
        }
    }

    /// Asserts that the keys of both installations hold the same.
    pub(crate) async fn assert_alike(&self, connection: &Connection, without: &[&str]) {
        let theirs = dump(connection, &self.theirs, without).await;
        let ours = dump(connection, &self.ours, without).await;
        assert!(
            theirs == ours,
            "BullMQ (-) and this engine (+) differ:\n{}",
            difference(&theirs, &ours)
        );
    }
}

/// The lines that are only in one of two texts, each below the last one that both have.
fn difference(theirs: &str, ours: &str) -> String {
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.lines().collect(), ours.lines().collect());
    // How many lines the ends of both texts have in common, from each pair of places on.
    let mut common = vec![vec![0; ours.len() + 1]; theirs.len() + 1];
    for (n, line) in theirs.iter().enumerate().rev() {
        for (m, other) in ours.iter().enumerate().rev() {
            common[n][m] = if line == other {
                common[n + 1][m + 1] + 1
            } else {
                common[n + 1][m].max(common[n][m + 1])
            };
        }
    }
    let (mut shown, mut above) = (String::new(), None);
    let (mut n, mut m) = (0, 0);
    while n < theirs.len() || m < ours.len() {
        if n < theirs.len() && m < ours.len() && theirs[n] == ours[m] {
            above = Some(theirs[n]);
            (n, m) = (n + 1, m + 1);
            continue;
        }
        if let Some(above) = above.take() {
            writeln!(shown, "  {above}").unwrap();
        }
        if m == ours.len() || (n < theirs.len() && common[n + 1][m] >= common[n][m + 1]) {
            writeln!(shown, "- {}", theirs[n]).unwrap();
            n += 1;
        } else {
            writeln!(shown, "+ {}", ours[m]).unwrap();
            m += 1;
        }
    }
    shown
}

/// A queue of an installation.
pub(crate) async fn queue_of(prefix: &str, name: &str) -> TestQueue {
    let mut test = TestQueue::new().await;
    test.id = QueueId::parse(prefix, name).unwrap();
    test.queue = Queue::new(test.connection.clone(), test.id.clone());
    test
}

/// Settings of a worker whose locks outlast a busy machine's pauses.
pub(crate) fn patient() -> WorkerSettings {
    WorkerSettings::default()
}

/// Runs a command of a program on a queue; what it answered.
pub(crate) async fn node(
    file: &str,
    command: &str,
    prefix: &str,
    queue: &str,
    count: usize,
) -> Value {
    let url = testkit::valkey::shared_url().await;
    testkit::bullmq::run_file(file, command, &url, prefix, queue, count)
        .await
        .unwrap()
}

/// What stands in an installation, a line for each key and entry of a stream. `without` names
/// suffixes of keys that are left out.
pub(crate) async fn dump(connection: &Connection, prefix: &str, without: &[&str]) -> String {
    let pattern = prefix.replace('{', "\\{").replace('}', "\\}");
    let mut keys = texts(ask(connection, "KEYS", &[&format!("{pattern}:*")]).await);
    keys.sort();
    let mut dump = String::new();
    for key in keys {
        if without.iter().any(|suffix| key.ends_with(suffix)) {
            continue;
        }
        let Some(value) = value(connection, &key).await else {
            continue;
        };
        writeln!(dump, "{key}{}: {value}", expiry(connection, &key).await).unwrap();
    }
    without_uuids(&dump.replace(prefix, "P"))
}

async fn value(connection: &Connection, key: &str) -> Option<String> {
    let suffix = key.rsplit(':').next().unwrap_or_default();
    let kind = text(ask(connection, "TYPE", &[key]).await);
    Some(match kind.as_str() {
        "string" if suffix == "lock" => "a token".to_owned(),
        "string" => shown(&text(ask(connection, "GET", &[key]).await)),
        "list" => texts(ask(connection, "LRANGE", &[key, "0", "-1"]).await).join(" "),
        "set" => {
            let mut members = texts(ask(connection, "SMEMBERS", &[key]).await);
            members.sort();
            members.join(" ")
        }
        "zset" => {
            let range = ask(connection, "ZRANGE", &[key, "0", "-1", "WITHSCORES"]).await;
            let mut members: Vec<_> = texts(range)
                .chunks_exact(2)
                .map(|pair| format!("{}={}", pair[0], score(&pair[1])))
                .collect();
            if !matches!(suffix, "prioritized" | "delayed") {
                members.sort();
            }
            members.join(" ")
        }
        "hash" => {
            let mut fields: Vec<_> = texts(ask(connection, "HGETALL", &[key]).await)
                .chunks_exact(2)
                // Each client says there which one it is, or does not.
                .filter(|pair| !(suffix == "meta" && pair[0] == "version"))
                .map(|pair| format!("{}={}", pair[0], field(&pair[0], &pair[1])))
                .collect();
            fields.sort();
            fields.join(" ")
        }
        "stream" => {
            let Reply::List(entries) = ask(connection, "XRANGE", &[key, "-", "+"]).await else {
                panic!("not a stream")
            };
            entries.into_iter().map(entry).collect()
        }
        "none" => return None,
        other => panic!("a key of type {other}: {key}"),
    })
}

fn entry(entry: Reply) -> String {
    let Reply::List(mut parts) = entry else {
        panic!("not an entry")
    };
    let fields = texts(parts.pop().unwrap());
    let fields = fields.chunks_exact(2);
    let fields: Vec<_> = fields
        .map(|pair| format!("{}={}", pair[0], field(&pair[0], &pair[1])))
        .collect();
    format!("\n  {}", fields.join(" "))
}

/// A field's value, without what differs from run to run.
fn field(name: &str, value: &str) -> String {
    match name {
        "opts" | "parent" | "pd" => {
            let parsed: Value = serde_json::from_str(value).unwrap();
            parsed.to_string()
        }
        // The first line of each trace, without the class of the error: what follows shows the
        // program.
        "stacktrace" => {
            let traces: Vec<String> = serde_json::from_str(value).unwrap();
            let first = traces.iter().map(|trace| trace.lines().next().unwrap());
            let first = first.map(|line| line.replace("UnrecoverableError", "Error"));
            format!("{:?}", first.collect::<Vec<_>>())
        }
        // What is left of a time is a little less.
        "delay" => match value.parse::<u64>() {
            Ok(delay) if (10_000..100_000_000).contains(&delay) => {
                ((delay + 5_000) / 10_000 * 10_000).to_string()
            }
            _ => shown(value),
        },
        _ => shown(value),
    }
}

/// A text, or how far a time is from now, in steps of ten minutes, because a busy machine is slow.
fn shown(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) if (number - now()).abs() < 86_400_000 => {
            format!(
                "<now+{}s>",
                (number - now() + 300_000).div_euclid(600_000) * 600
            )
        }
        _ => text.to_owned(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "scores are whole numbers")]
fn score(text: &str) -> String {
    let number: f64 = text.parse().unwrap();
    let due = (number / 4096.0) as i64;
    if (due - now()).abs() < 86_400_000 {
        // How many others are due in the same millisecond depends on the run.
        return format!("{}*4096", shown(&due.to_string()));
    }
    shown(&format!("{number:.0}"))
}

#[expect(clippy::disallowed_methods, reason = "what the clients of a test see")]
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// How long the key lives, rounded up to minutes.
async fn expiry(connection: &Connection, key: &str) -> String {
    match ask(connection, "PTTL", &[key]).await {
        Reply::Int(millis) if millis > 0 => format!(" ({}s)", (millis + 59_999) / 60_000 * 60),
        _ => String::new(),
    }
}

fn without_uuids(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let head = rest.get(..36).filter(|head| {
            head.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
        });
        if let Some(head) = head {
            result.push_str("<uuid>");
            rest = &rest[head.len()..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}

pub(crate) async fn ask(connection: &Connection, command: &'static str, args: &[&str]) -> Reply {
    let args = args.iter().map(ToString::to_string).collect();
    connection.command(command, args).await.unwrap()
}

pub(crate) fn text(reply: Reply) -> String {
    match reply {
        Reply::Text(text) => text,
        Reply::Int(number) => number.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}

pub(crate) fn texts(reply: Reply) -> Vec<String> {
    match reply {
        Reply::List(items) => items.into_iter().map(text).collect(),
        other => panic!("not a list: {other:?}"),
    }
}
