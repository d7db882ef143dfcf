//! Reads a stream from a place on, and notices when that place is gone.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::cursor::EventCursor;
use super::event::QueueEvent;
use super::{ReadFrom, RecordedEvent};
use crate::engine::connection::BlockingConnection;
use crate::engine::error::EngineError;
use crate::engine::keys::QueueId;
use crate::engine::reply::{Decoder, Reply};

/// How many entries are read at once.
const BATCH: usize = 250;

/// How long one wait for an entry takes, as in BullMQ.
const WAIT: Duration = Duration::from_secs(10);

/// The pauses between attempts while Valkey is away.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Reader {
    key: String,
    cursor: EventCursor,
    /// Whether the cursor is that of an entry, which can be looked for.
    is_entry: bool,
    /// Whether to look if that entry is still there, before trusting that the next one follows it.
    is_unsure: bool,
}

impl Reader {
    /// A reader at this place, which is settled when this returns.
    pub(super) async fn at(
        connection: &BlockingConnection,
        key: String,
        from: ReadFrom,
    ) -> Result<Self, EngineError> {
        let cursor = match from {
            ReadFrom::Start => EventCursor::START,
            ReadFrom::After(cursor) => cursor,
            // Were this left to the server (`$`), a connection lost before the first entry would
            // lose all that happens meanwhile.
            ReadFrom::Now => last(connection, &key).await?.unwrap_or(EventCursor::START),
        };
        Ok(Self {
            key,
            cursor,
            is_entry: cursor != EventCursor::START,
            is_unsure: true,
        })
    }

    /// Hands over what it reads, until it is stopped or nobody listens.
    pub(super) async fn run(
        mut self,
        connection: BlockingConnection,
        queue: QueueId,
        consumer: mpsc::Sender<RecordedEvent>,
        stop: CancellationToken,
    ) {
        let mut pause = MIN_PAUSE;
        loop {
            let read = connection.until_stopped(&stop, self.read(&connection));
            match read.await {
                None => break,
                Some(Ok(events)) => {
                    pause = MIN_PAUSE;
                    if !self.hand_over(events, &consumer, &stop).await {
                        break;
                    }
                }
                Some(Err(error)) => {
                    if pause == MIN_PAUSE {
                        warn!(queue.name = queue.name(), %error, "Events can't be read; trying again");
                    } else {
                        debug!(queue.name = queue.name(), %error, "Events still can't be read");
                    }
                    self.is_unsure = true;
                    let wait = tokio::time::sleep(pause);
                    if stop.run_until_cancelled(wait).await.is_none() {
                        break;
                    }
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
        connection.close().await;
    }

    /// Whether to go on.
    async fn hand_over(
        &mut self,
        events: Vec<RecordedEvent>,
        consumer: &mpsc::Sender<RecordedEvent>,
        stop: &CancellationToken,
    ) -> bool {
        for event in events {
            // Nothing is read while the consumer is slow, and the stream may be trimmed meanwhile.
            self.is_unsure |= consumer.capacity() == 0;
            let sent = stop.run_until_cancelled(consumer.send(event)).await;
            if !matches!(sent, Some(Ok(()))) {
                return false;
            }
        }
        !stop.is_cancelled()
    }

    /// The next events; none if there were none for a while.
    async fn read(
        &mut self,
        connection: &BlockingConnection,
    ) -> Result<Vec<RecordedEvent>, EngineError> {
        let mut events = Vec::new();
        if self.is_unsure {
            self.check_and_read(connection, &mut events).await?;
        } else {
            let after = self.cursor.to_string();
            let read = connection.await_stream(&self.key, &after, BATCH, WAIT);
            events = entries(read.await?)?;
        }
        if let Some(last) = events.last() {
            // Whoever always has more to read is behind, and may be overtaken.
            self.is_unsure |= events.len() >= BATCH;
            if !matches!(last.event, QueueEvent::Gap { .. }) {
                (self.cursor, self.is_entry) = (last.cursor, true);
            }
        }
        Ok(events)
    }

    /// Reads without waiting, and begins with the entry that was read last, to see whether it is
    /// still there: if it is not, those that followed it may be gone, too.
    async fn check_and_read(
        &mut self,
        connection: &BlockingConnection,
        events: &mut Vec<RecordedEvent>,
    ) -> Result<(), EngineError> {
        let after = if self.is_entry {
            self.cursor.previous()
        } else {
            self.cursor
        };
        let after = after.to_string();
        let read = connection.read_stream(&self.key, &after, BATCH + 1);
        let mut found = entries(read.await?)?;
        self.is_unsure = false;
        if self.is_entry
            && found
                .first()
                .is_some_and(|first| first.cursor == self.cursor)
        {
            found.remove(0);
        } else if self.is_entry {
            let next = found.first().map(|first| first.cursor);
            events.push(RecordedEvent {
                cursor: self.cursor,
                event: QueueEvent::Gap { next },
            });
            self.is_entry = false;
            if next.is_none()
                && let Some(last) = last(connection, &self.key).await?
                && last < self.cursor
            {
                // The stream was begun anew, on a server whose clock is behind the former one's.
                (self.cursor, self.is_unsure) = (EventCursor::START, true);
            }
        }
        events.append(&mut found);
        Ok(())
    }
}

/// The newest entry, if there is one.
async fn last(
    connection: &BlockingConnection,
    key: &str,
) -> Result<Option<EventCursor>, EngineError> {
    let decoder = Decoder("XREVRANGE");
    let newest = decoder.list(connection.last_entry(key).await?)?;
    let Some(entry) = newest.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(recorded(decoder, entry)?.cursor))
}

/// What `XREAD` answers about one stream.
fn entries(reply: Reply) -> Result<Vec<RecordedEvent>, EngineError> {
    let decoder = Decoder("XREAD");
    if reply == Reply::Nil {
        return Ok(Vec::new());
    }
    let [stream] = decoder.array::<1>(reply)?;
    let [_key, entries] = decoder.array::<2>(stream)?;
    events(decoder, entries)
}

/// A list of entries.
pub(super) fn events(decoder: Decoder, reply: Reply) -> Result<Vec<RecordedEvent>, EngineError> {
    let entries = decoder.list(reply)?.into_iter();
    entries.map(|entry| recorded(decoder, entry)).collect()
}

fn recorded(decoder: Decoder, entry: Reply) -> Result<RecordedEvent, EngineError> {
    let [id, fields] = decoder.array::<2>(entry)?;
    let cursor = decoder.text(id)?.parse();
    let cursor = cursor.map_err(|_| decoder.unexpected("the id of an entry"))?;
    let mut texts = decoder.texts(fields)?.into_iter();
    let mut fields = Vec::with_capacity(texts.len() / 2);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        fields.push((name, value));
    }
    let event = QueueEvent::from_fields(fields);
    Ok(RecordedEvent { cursor, event })
}
