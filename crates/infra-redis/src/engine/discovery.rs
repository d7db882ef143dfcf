//! Finding out what is there: the keys of queues, by walking through all keys in small steps.

use super::connection::{Connection, Node};
use super::error::EngineError;
use super::keys::QueueId;
use super::reply::Decoder;

/// About how many keys the server looks at in one step.
const STEP: &str = "1000";

/// The queues with this prefix, by name.
///
/// Looks at every key of the database, a thousand in one step. A queue that is made or removed
/// meanwhile may be found or not.
///
/// # Errors
///
/// Only those of every call, see [`EngineError`](crate::engine::EngineError).
///
/// ```no_run
/// # use infra_redis::engine::{Connection, EngineError, QueueId, find_queues};
/// # async fn example(connection: Connection) -> Result<(), EngineError> {
/// for queue in find_queues(&connection, "bull").await? {
///     tracing::info!("there is {}", queue.name());
/// }
/// # Ok(()) }
/// ```
pub async fn find_queues(
    connection: &Connection,
    prefix: &str,
) -> Result<Vec<QueueId>, EngineError> {
    let (before, after) = (format!("{prefix}:"), ":meta");
    let pattern = format!("{}*{after}", literally(&before));
    let mut queues = Vec::new();
    walk(connection, &pattern, |key| {
        let name = key
            .strip_prefix(&before)
            .and_then(|rest| rest.strip_suffix(after));
        // Another prefix may begin like this one; then what follows has a colon, as no name has.
        queues.extend(name.and_then(|name| QueueId::parse(prefix, name).ok()));
    })
    .await?;
    queues.sort_by(|a: &QueueId, b| a.name().cmp(b.name()));
    queues.dedup();
    Ok(queues)
}

/// Tells of every hash whose key begins so; of one that is moved inside the server's table
/// meanwhile perhaps twice.
pub(super) async fn find_hashes(
    connection: &Connection,
    beginning: &str,
    found: impl FnMut(String),
) -> Result<(), EngineError> {
    walk(connection, &format!("{}*", literally(beginning)), found).await
}

/// All keys looked for are those of hashes.
async fn walk(
    connection: &Connection,
    pattern: &str,
    mut found: impl FnMut(String),
) -> Result<(), EngineError> {
    for node in connection.nodes() {
        walk_node(connection, &node, pattern, &mut found).await?;
    }
    Ok(())
}

async fn walk_node(
    connection: &Connection,
    node: &Node,
    pattern: &str,
    mut found: impl FnMut(String),
) -> Result<(), EngineError> {
    let decoder = Decoder("SCAN");
    let mut cursor = "0".to_owned();
    loop {
        let args = [&cursor, "MATCH", pattern, "COUNT", STEP, "TYPE", "hash"];
        let args = args.map(str::to_owned).to_vec();
        let reply = connection.command_to(node, "SCAN", args).await?;
        let [next, keys] = decoder.array::<2>(reply)?;
        decoder.texts(keys)?.into_iter().for_each(&mut found);
        cursor = decoder.text(next)?;
        if cursor == "0" {
            return Ok(());
        }
    }
}

/// A pattern that matches this text alone.
fn literally(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for sign in text.chars() {
        if matches!(sign, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_are_taken_literally() {
        assert_eq!(literally("{bull}:a*b?[c]"), r"{bull}:a\*b\?\[c\]");
    }
}
