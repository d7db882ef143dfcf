//! What happens to a queue's jobs, as it happens.
//!
//! Every change of a job is an entry of the queue's stream, whichever client made it. A
//! [`QueueEvents`] reads it in order; each event comes with a cursor that may be stored, to go on
//! from there later. The stream keeps about the newest ten thousand entries, so a reader that stays
//! away for longer misses some, and is told so by [`QueueEvent::Gap`].

mod cursor;
mod event;
mod finish;
mod publish;
mod reader;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::connection::{BlockingConnection, ConnectionSettings};
use super::error::EngineError;
use super::keys::{QueueId, QueueKeys, Suffix};
use super::registration;
pub use cursor::{CursorError, EventCursor};
pub use event::QueueEvent;
pub(super) use finish::Finishes;
pub use finish::WaitError;
use reader::Reader;

/// How many events wait for a slow consumer before no more are read.
const BUFFER: usize = 256;

/// Where to start reading.
///
/// ```
/// use infra_redis::engine::{CursorError, ReadFrom};
///
/// /// Goes on behind what was read last, or starts with what is still kept.
/// fn begin(stored: Option<&str>) -> Result<ReadFrom, CursorError> {
///     stored.map_or(Ok(ReadFrom::Start), |text| text.parse().map(ReadFrom::After))
/// }
///
/// assert_eq!(begin(None)?, ReadFrom::Start);
/// assert_eq!(begin(Some("1795507964676-0"))?, ReadFrom::After("1795507964676-0".parse()?));
/// # Ok::<(), CursorError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With what happens from now on.
    Now,
    /// With the oldest event that is still kept.
    Start,
    /// With the event that followed this one.
    After(EventCursor),
}

/// An event, and where it stands.
///
/// ```
/// use infra_redis::engine::{QueueEvent, RecordedEvent};
///
/// let recorded = RecordedEvent {
///     cursor: "1795507964676-0".parse()?,
///     event: QueueEvent::Drained,
/// };
/// let to_be_stored = recorded.cursor.to_string();
/// # Ok::<(), infra_redis::engine::CursorError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// What to give to [`ReadFrom::After`] to go on behind this event.
    pub cursor: EventCursor,
    /// What happened.
    pub event: QueueEvent,
}

/// Reads the events of a queue, on a connection of its own.
///
/// It goes on after lost connections and restarts of the server, where it was: each event is told
/// once, in order. It stops when it is dropped; [`stop`](Self::stop) also waits for that.
///
/// ```no_run
/// # use infra_redis::engine::{ConnectionSettings, QueueEvent, QueueEvents, QueueId, ReadFrom};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = ConnectionSettings::parse("redis://127.0.0.1:6379")?;
/// let id = QueueId::parse("bull", "greetings")?;
/// let mut events = QueueEvents::open(&settings, &id, ReadFrom::Now).await?;
/// while let Some(recorded) = events.next().await {
///     if let QueueEvent::Failed { job_id, reason, .. } = recorded.event {
///         tracing::info!("job {job_id} failed: {reason}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct QueueEvents {
    events: mpsc::Receiver<RecordedEvent>,
    stop: DropGuard,
    tasks: TaskTracker,
}

impl QueueEvents {
    /// Connects and starts to read. Every event from this place on is told, also if it happens
    /// before the first call of [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`EngineError::Unavailable`] also if no connection could be made. Besides, those of every
    /// call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{ConnectionSettings, EngineError, QueueEvents, QueueId, ReadFrom};
    /// # async fn example(settings: ConnectionSettings) -> Result<(), EngineError> {
    /// let id = QueueId::parse("bull", "greetings")?;
    /// let events = QueueEvents::open(&settings, &id, ReadFrom::Start).await?;
    /// # Ok(()) }
    /// ```
    pub async fn open(
        connection: &ConnectionSettings,
        queue: &QueueId,
        from: ReadFrom,
    ) -> Result<Self, EngineError> {
        let name = registration::reader_name(queue);
        let connection = BlockingConnection::open(connection, name)
            .await
            .map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let key = QueueKeys::new(queue).of(Suffix::Events);
        let reader = match Reader::at(&connection, key, from).await {
            Ok(reader) => reader,
            Err(error) => {
                connection.close().await;
                return Err(error);
            }
        };
        let (sender, events) = mpsc::channel(BUFFER);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(reader.run(connection, queue.clone(), sender, stop.clone()));
        tasks.close();
        Ok(Self {
            events,
            stop: stop.drop_guard(),
            tasks,
        })
    }

    /// The next event, waiting for it as long as it takes. Cancel-safe.
    ///
    /// Absent only if the reader's task has ended, as it does when the runtime shuts down.
    ///
    /// ```no_run
    /// # use infra_redis::engine::QueueEvents;
    /// # async fn example(mut events: QueueEvents) {
    /// while let Some(recorded) = events.next().await {
    ///     tracing::info!("{}: {:?}", recorded.cursor, recorded.event);
    /// }
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<RecordedEvent> {
        self.events.recv().await
    }

    /// Stops reading and closes the connection, at once.
    ///
    /// ```no_run
    /// # use infra_redis::engine::QueueEvents;
    /// # async fn example(events: QueueEvents) {
    /// events.stop().await;
    /// # }
    /// ```
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.wait().await;
    }
}
