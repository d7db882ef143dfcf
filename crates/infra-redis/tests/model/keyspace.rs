//! A whole keyspace as text, from the model or from Valkey, and how two of them differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::world::{Fleeting, Life, Scores};
use crate::engine::connection::Connection;
use crate::engine::reply::Reply;

/// Keys, with their types, how long they live, and their values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Keyspace(pub(super) BTreeMap<String, String>);

/// Every key under a prefix: its name, its type, its time to live, its value.
const DUMP: &str = "
local dump = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind, value = redis.call('TYPE', key).ok, nil
  if kind == 'string' then value = { redis.call('GET', key) }
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  else
    value = {}
    for n, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do value[n] = entry[2] end
  end
  dump[#dump + 1] = { key, kind, redis.call('PTTL', key), value }
end
return dump";

impl Keyspace {
    /// What stands in Valkey under a prefix.
    pub(super) async fn read(connection: &Connection, prefix: &str) -> Self {
        let args = vec![DUMP.to_owned(), "0".to_owned(), prefix.to_owned()];
        let reply = connection.command("EVAL", args).await.unwrap();
        let mut keyspace = Self::default();
        for key in items(reply) {
            let [name, kind, ttl, value] = <[Reply; 4]>::try_from(items(key)).unwrap();
            let (name, kind) = (text(&name), text(&kind));
            let life = life(&ttl);
            keyspace.read_key(&name, &kind, life, value);
        }
        keyspace
    }

    fn read_key(&mut self, name: &str, kind: &str, life: Option<Life>, value: Reply) {
        let mut place = Place::new(self, "");
        let events = |value: Reply| {
            items(value)
                .into_iter()
                .map(|entry| pairs(entry, "=").join(" "))
        };
        if kind == "stream" {
            return place.stream(name, &events(value).collect::<Vec<_>>());
        }
        let values = texts(value);
        let two = || {
            values
                .chunks_exact(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
        };
        match kind {
            "string" => {
                let value = values[0].clone();
                place.text(name, Some(&Fleeting { value, life }));
            }
            "list" => place.list(name, &values),
            "set" => place.set(name, &values.iter().cloned().collect()),
            "hash" => place.hash(name, &two().collect()),
            _ => {
                let scores = two().map(|(member, score)| (member, score.parse().unwrap()));
                place.scores(name, &Scores(scores.collect()));
            }
        }
    }

    /// The lines of a stream.
    pub(super) fn events(&self, key: &str) -> Vec<String> {
        let text = self.0.get(key).map_or("", String::as_str);
        text.lines()
            .skip(1)
            .map(|line| line.trim().to_owned())
            .collect()
    }

    /// Each key that differs, with both values.
    pub(super) fn difference(&self, actual: &Self) -> Option<String> {
        let keys: BTreeSet<_> = self.0.keys().chain(actual.0.keys()).collect();
        let mut told = String::new();
        for key in keys {
            let value = |keyspace: &Self| keyspace.0.get(key).map_or("-".to_owned(), Clone::clone);
            let (model, engine) = (value(self), value(actual));
            if model != engine {
                writeln!(told, "{key}\n  model:  {model}\n  engine: {engine}").unwrap();
            }
        }
        (!told.is_empty()).then_some(told)
    }
}

/// Where the keys of a queue are written. What is empty does not exist.
pub(super) struct Place<'a> {
    keyspace: &'a mut Keyspace,
    base: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn new(keyspace: &'a mut Keyspace, base: &'a str) -> Self {
        Self { keyspace, base }
    }

    fn put(&mut self, name: &str, kind: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            let value = format!("{kind} {}", values.join(" "));
            self.keyspace
                .0
                .insert(format!("{}{name}", self.base), value);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.put(name, "string", (number > 0).then(|| number.to_string()));
    }

    pub(super) fn text(&mut self, name: &str, text: Option<&Fleeting>) {
        if let Some(text) = text {
            let life = text
                .life
                .map(|life| format!(" for {} s", life.given / 1000));
            let life = life.unwrap_or_default();
            self.put(name, "string", [format!("{}{life}", text.value)]);
        }
    }

    pub(super) fn list(&mut self, name: &str, values: &[String]) {
        self.put(name, "list", values.iter().cloned());
    }

    pub(super) fn set(&mut self, name: &str, values: &BTreeSet<String>) {
        self.put(name, "set", values.iter().cloned());
    }

    pub(super) fn scores(&mut self, name: &str, scores: &Scores) {
        let members = scores.sorted();
        self.put(
            name,
            "zset",
            members.iter().map(|(id, score)| format!("{id}={score}")),
        );
    }

    pub(super) fn hash(&mut self, name: &str, fields: &BTreeMap<String, String>) {
        self.put(
            name,
            "hash",
            fields.iter().map(|(name, value)| format!("{name}={value}")),
        );
    }

    pub(super) fn stream(&mut self, name: &str, events: &[String]) {
        self.put(
            name,
            "stream",
            events.iter().map(|event| format!("\n    {event}")),
        );
    }
}

/// How long a key was given to live. All times used here are multiples of 100 seconds, and a case
/// takes less than that.
fn life(ttl: &Reply) -> Option<Life> {
    match ttl {
        Reply::Int(millis @ 1..) => {
            let millis = u64::try_from(*millis).unwrap();
            Some(Life::new(0, millis.next_multiple_of(100_000)))
        }
        _ => None,
    }
}

pub(super) fn items(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::List(items) => items,
        other => panic!("not a list: {other:?}"),
    }
}

pub(super) fn texts(reply: Reply) -> Vec<String> {
    items(reply).iter().map(text).collect()
}

pub(super) fn text(reply: &Reply) -> String {
    match reply {
        Reply::Text(text) => text.clone(),
        Reply::Int(number) => number.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}

fn pairs(reply: Reply, between: &str) -> Vec<String> {
    let values = texts(reply);
    let pairs = values.chunks_exact(2);
    pairs
        .map(|pair| format!("{}{between}{}", pair[0], pair[1]))
        .collect()
}
