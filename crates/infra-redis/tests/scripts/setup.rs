//! Jobs in states that take other clients, or several steps, to reach.

use super::*;
use crate::engine::error::EngineError;

impl Fixture {
    /// Another queue of the same installation.
    pub(super) fn beside(&self) -> Self {
        let prefix = self.keys.base().strip_suffix(":q:").unwrap();
        let id = QueueId::parse(prefix, "other").unwrap();
        Self {
            keys: QueueKeys::new(&id),
            queue: Queue::new(self.connection.clone(), id),
            connection: self.connection.clone(),
        }
    }

    /// Sends a command on the key that ends so, which may be a job's.
    pub(super) async fn at(&self, command: &'static str, key: &str, args: &[&str]) -> Reply {
        let mut all = vec![self.keys.job(key)];
        all.extend(args.iter().map(ToString::to_string));
        self.connection.command(command, all).await.unwrap()
    }

    /// A stored job that is in no state.
    pub(super) async fn store(&self, id: &str) {
        let fields = ["name", "n", "timestamp", "1000"];
        self.at("HSET", id, &fields).await;
    }

    /// A stored job in a state.
    pub(super) async fn store_in(&self, state: Suffix, id: &str) {
        self.store(id).await;
        self.put(state, id, "1000").await;
    }

    /// An id in a state, with this score where it has one.
    pub(super) async fn put(&self, state: Suffix, id: &str, score: &str) {
        match state {
            Suffix::Wait | Suffix::Paused | Suffix::Active => self.on("LPUSH", state, &[id]).await,
            _ => self.on("ZADD", state, &[score, id]).await,
        };
    }

    /// Makes a stored job a child of one in `parents`, which waits for it.
    pub(super) async fn adopt(&self, id: &str, parents: &Self, parent: &str) {
        let key = parents.keys.job(parent);
        let queue = parents.keys.base().trim_end_matches(':');
        let json = format!(r#"{{"id":"{parent}","queueKey":"{queue}"}}"#);
        self.at("HSET", id, &["parentKey", &key, "parent", &json])
            .await;
        let dependencies = format!("{parent}:dependencies");
        parents
            .at("SADD", &dependencies, &[&self.keys.job(id)])
            .await;
    }

    /// So many stored jobs in a state: `job-0`, `job-1` and so on.
    pub(super) async fn store_many(&self, state: Suffix, count: usize) {
        let ids: Vec<_> = (0..count).map(|n| format!("job-{n}")).collect();
        for part in ids.chunks(1000) {
            for id in part {
                self.store(id).await;
            }
            let mut args = Vec::new();
            for id in part {
                if !matches!(state, Suffix::Wait | Suffix::Paused | Suffix::Active) {
                    args.push("1000");
                }
                args.push(id.as_str());
            }
            let command = match state {
                Suffix::Wait | Suffix::Paused | Suffix::Active => "LPUSH",
                _ => "ZADD",
            };
            self.on(command, state, &args).await;
        }
    }

    /// The lines of the keyspace that start so.
    pub(super) async fn lines(&self, start: &str) -> String {
        let keyspace = self.keyspace().await;
        let lines = keyspace.lines().filter(|line| line.starts_with(start));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The events, a line each.
    pub(super) async fn events(&self) -> Vec<String> {
        let lines = self.lines("  event=").await;
        lines.lines().map(|line| line.trim().to_owned()).collect()
    }
}

/// The text of an error.
pub(super) fn told<T: std::fmt::Debug>(result: Result<T, EngineError>) -> String {
    result.unwrap_err().to_string()
}
