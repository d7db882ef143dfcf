//! Everything that stands under a prefix, as text.

use std::fmt::Write as _;

use super::text;
use crate::engine::connection::Connection;
use crate::engine::reply::Reply;

/// A line for each key, sorted, without the prefix; a stream's entries without their ids, which the
/// server makes up.
pub(super) async fn dump(connection: &Connection, base: &str) -> String {
    let mut keys = list(ask(connection, "KEYS", &[&format!("{base}*")]).await);
    keys.sort();
    let mut dump = String::new();
    for key in keys {
        let kind = text(&ask(connection, "TYPE", &[&key]).await);
        let value = match kind.as_str() {
            "string" => text(&ask(connection, "GET", &[&key]).await),
            "list" => list(ask(connection, "LRANGE", &[&key, "0", "-1"]).await).join(" "),
            "set" => {
                let mut members = list(ask(connection, "SMEMBERS", &[&key]).await);
                members.sort();
                members.join(" ")
            }
            "zset" => pairs(
                ask(connection, "ZRANGE", &[&key, "0", "-1", "WITHSCORES"]).await,
                false,
            ),
            "hash" => pairs(ask(connection, "HGETALL", &[&key]).await, true),
            "stream" => entries(ask(connection, "XRANGE", &[&key, "-", "+"]).await),
            other => panic!("a key of type {other}: {key}"),
        };
        let name = key.strip_prefix(base).unwrap_or(&key);
        let expiry = expiry(connection, &key).await;
        writeln!(dump, "{name}{expiry}: {value}").unwrap();
    }
    dump
}

/// How long the key lives, rounded up to ten seconds so that a slow test sees the same.
async fn expiry(connection: &Connection, key: &str) -> String {
    match ask(connection, "PTTL", &[key]).await {
        Reply::Int(millis) if millis > 0 => {
            format!(" ({}s)", (millis + 9_999) / 10_000 * 10)
        }
        _ => String::new(),
    }
}

async fn ask(connection: &Connection, command: &'static str, args: &[&str]) -> Reply {
    let args = args.iter().map(ToString::to_string).collect();
    connection.command(command, args).await.unwrap()
}

fn list(reply: Reply) -> Vec<String> {
    match reply {
        Reply::List(items) => items.iter().map(text).collect(),
        other => panic!("not a list: {other:?}"),
    }
}

fn pairs(reply: Reply, sorted: bool) -> String {
    let items = list(reply);
    let pairs = items
        .chunks_exact(2)
        .map(|pair| format!("{}={}", pair[0], pair[1]));
    let mut pairs: Vec<_> = pairs.collect();
    if sorted {
        pairs.sort();
    }
    pairs.join(" ")
}

fn entries(reply: Reply) -> String {
    let Reply::List(entries) = reply else {
        panic!("not a stream: {reply:?}")
    };
    let mut lines = String::new();
    for entry in entries {
        let Reply::List(parts) = entry else {
            panic!("not an entry: {entry:?}")
        };
        write!(lines, "\n  {}", pairs(parts[1].clone(), false)).unwrap();
    }
    lines
}
