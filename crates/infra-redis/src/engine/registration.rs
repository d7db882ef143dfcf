//! How workers and readers of events show others that they are there: by the name of the connection
//! on which they wait.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracing::warn;

use super::error::EngineError;
use super::keys::QueueId;
use super::queue::Queue;
use super::reply::Decoder;

/// A worker of a queue, of whichever client, as the server sees its connection.
///
/// ```
/// use infra_redis::engine::RegisteredWorker;
///
/// fn label(worker: &RegisteredWorker) -> &str {
///     worker.name.as_deref().unwrap_or(&worker.address)
/// }
/// # let worker = RegisteredWorker {
/// #     name: None,
/// #     address: "127.0.0.1:50000".to_owned(),
/// #     idle: std::time::Duration::from_secs(3),
/// #     age: std::time::Duration::from_secs(12),
/// #     id: 4,
/// # };
/// assert_eq!(label(&worker), "127.0.0.1:50000");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredWorker {
    /// What the worker calls itself.
    pub name: Option<String>,
    /// Where it is connected from, as `host:port`.
    pub address: String,
    /// How long its connection has sent nothing, in whole seconds; a worker that waits for jobs is
    /// idle for seconds.
    pub idle: Duration,
    /// How long it has been connected, in whole seconds.
    pub age: Duration,
    /// The server's number for the connection.
    pub id: i64,
}

impl<T> Queue<T> {
    /// The workers that are connected now and show their names, of every client.
    ///
    /// A connection whose other end vanished without a word is listed until the server notices.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// for worker in queue.workers().await? {
    ///     tracing::info!("{} has worked for {:?}", worker.address, worker.age);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn workers(&self) -> Result<Vec<RegisteredWorker>, EngineError> {
        let mut workers = Vec::new();
        for node in self.connection.nodes() {
            let args = vec!["LIST".to_owned()];
            let reply = self.connection.command_to(&node, "CLIENT", args).await?;
            let list = Decoder("CLIENT LIST").text(reply)?;
            workers.extend(workers_in(&list, self.id()));
        }
        Ok(workers)
    }
}

/// The name of the connection on which a worker waits; nothing if the server would not take it.
pub(super) fn worker_name(queue: &QueueId, worker: Option<&str>) -> Option<String> {
    let base = base_name(queue);
    let Some(worker) = worker else {
        return accepted(base);
    };
    let full = format!("{base}:w:{worker}");
    if is_accepted(&full) {
        return Some(full);
    }
    // The name still stands on its jobs.
    warn!(
        queue.name = queue.name(),
        "The worker's name `{worker}` can't be that of a connection; other clients list it unnamed"
    );
    accepted(base)
}

/// The name of the connection on which a reader waits for events.
pub(super) fn reader_name(queue: &QueueId) -> Option<String> {
    accepted(format!("{}:qe", base_name(queue)))
}

fn base_name(queue: &QueueId) -> String {
    format!("{}:{}", queue.prefix(), STANDARD.encode(queue.name()))
}

fn accepted(name: String) -> Option<String> {
    is_accepted(&name).then_some(name)
}

/// Whether the server takes this as a client's name.
fn is_accepted(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The workers of a queue in what `CLIENT LIST` answers.
fn workers_in(list: &str, queue: &QueueId) -> Vec<RegisteredWorker> {
    let base = base_name(queue);
    let worker = |line: &str| {
        let field = |name: &str| {
            let fields = line.split(' ').filter_map(|field| field.split_once('='));
            fields
                .into_iter()
                .find_map(|(key, value)| (key == name).then_some(value))
        };
        let name = match field("name")?.strip_prefix(&base)? {
            "" => None,
            suffix => Some(suffix.strip_prefix(":w:")?.to_owned()),
        };
        let seconds = |name| {
            let seconds = field(name).and_then(|text| text.parse().ok());
            Duration::from_secs(seconds.unwrap_or_default())
        };
        Some(RegisteredWorker {
            name,
            address: field("addr").unwrap_or_default().to_owned(),
            idle: seconds("idle"),
            age: seconds("age"),
            id: field("id")?.parse().ok()?,
        })
    };
    list.lines().filter_map(worker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> QueueId {
        QueueId::parse("{bull}", "Grüße").unwrap()
    }

    #[test]
    fn a_connection_is_named_as_bullmq_names_it() {
        let name = |worker| worker_name(&queue(), worker);
        assert_eq!(name(None).unwrap(), "{bull}:R3LDvMOfZQ==");
        assert_eq!(name(Some("rust")).unwrap(), "{bull}:R3LDvMOfZQ==:w:rust");
        assert_eq!(reader_name(&queue()).unwrap(), "{bull}:R3LDvMOfZQ==:qe");
    }

    #[test]
    fn a_worker_whose_name_the_server_refuses_is_listed_unnamed() {
        let name = worker_name(&queue(), Some("my worker"));
        assert_eq!(name.unwrap(), "{bull}:R3LDvMOfZQ==");
        let spaced = QueueId::parse("a prefix", "q").unwrap();
        assert_eq!(worker_name(&spaced, Some("rust")), None);
    }

    #[test]
    fn the_list_of_clients_tells_a_queues_workers_from_all_others() {
        let list = "id=3 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=8 name= age=9 idle=0 flags=N\n\
            id=4 addr=[::1]:50001 fd=9 name={bull}:R3LDvMOfZQ== age=12 idle=3 flags=b\n\
            id=5 addr=10.0.0.7:50002 fd=9 name={bull}:R3LDvMOfZQ==:w:a=b age=70 idle=1 flags=b\n\
            id=6 addr=10.0.0.7:50003 fd=9 name={bull}:R3LDvMOfZQ==:qe age=1 idle=1 flags=b\n\
            id=7 addr=10.0.0.7:50004 fd=9 name={bull}:R3LDvMOfZQ==x age=1 idle=1 flags=b\n";
        let workers = workers_in(list, &queue());
        let seen: Vec<_> = workers
            .iter()
            .map(|worker| (worker.id, worker.name.as_deref(), worker.address.as_str()))
            .collect();
        let expected = [(4, None, "[::1]:50001"), (5, Some("a=b"), "10.0.0.7:50002")];
        assert_eq!(seen, expected);
        assert_eq!(
            (workers[1].idle, workers[1].age),
            (Duration::from_secs(1), Duration::from_secs(70))
        );
    }
}
