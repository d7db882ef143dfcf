//! An application's own events.

use super::cursor::EventCursor;
use super::event::is_reserved;
use crate::engine::connection::Args;
use crate::engine::error::{EngineError, OptionError};
use crate::engine::keys::Suffix;
use crate::engine::queue::Queue;
use crate::engine::reply::Decoder;

/// How many events a queue keeps if nobody said otherwise.
const DEFAULT_MAX_EVENTS: u64 = 10_000;

impl<T> Queue<T> {
    /// Tells everyone who reads the queue's events of something that the application itself knows;
    /// where it stands among them.
    ///
    /// The events of jobs share the stream, and about its newest `max_len` entries are kept: of all
    /// kinds, not only of these. Without a number it is as many as the queue keeps anyway, which is
    /// 10,000 if nobody said otherwise. If Valkey's answer is lost, the event may have been told or
    /// not.
    ///
    /// # Errors
    ///
    /// [`EngineError::Option`] if the name is empty or that of one of the queue's own events, or if
    /// a field is called `event`, which holds the name. Besides, those of every call, see
    /// [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Queue};
    /// # async fn example(queue: Queue<u32>) -> Result<(), EngineError> {
    /// let cursor = queue.publish_event("greeted", &[("who", "Ada")], None).await?;
    /// # Ok(()) }
    /// ```
    pub async fn publish_event(
        &self,
        name: &str,
        fields: &[(&str, &str)],
        max_len: Option<u64>,
    ) -> Result<EventCursor, EngineError> {
        if name.is_empty() {
            return Err(OptionError::new("event name", "must not be empty").into());
        }
        if is_reserved(name) {
            let reason = format!("`{name}` is an event of the queue itself");
            return Err(OptionError::new("event name", reason).into());
        }
        if fields.iter().any(|(key, _)| *key == "event") {
            return Err(OptionError::new("event fields", "`event` holds the name").into());
        }
        let max_len = match max_len {
            Some(max_len) => max_len,
            None => self.max_events().await?,
        };
        let mut args = Args::from_iter([&self.keys.of(Suffix::Events), "MAXLEN", "~"]);
        args.display(max_len);
        args.extend(["*", "event", name]);
        args.extend(fields.iter().flat_map(|(key, value)| [key, value]));
        let decoder = Decoder("publish_event");
        // Sent once: an event that is told twice would look like two.
        let sent = self.connection.send_once("XADD", 0, decoder.0, args);
        let id = decoder.text(sent.await?)?;
        id.parse()
            .map_err(|_| decoder.unexpected("the id of an entry"))
    }

    async fn max_events(&self) -> Result<u64, EngineError> {
        let args = vec![self.keys.of(Suffix::Meta), "opts.maxLenEvents".to_owned()];
        let reply = self.connection.command("HGET", args).await?;
        let kept = Decoder("HGET").optional_text(reply)?;
        Ok(kept
            .and_then(|text| text.parse().ok())
            .unwrap_or(DEFAULT_MAX_EVENTS))
    }
}
