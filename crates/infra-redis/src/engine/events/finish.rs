//! Waits until a job has completed or failed for good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::sync::{OnceCell, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::event::QueueEvent;
use super::reader::events;
use super::{QueueEvents, ReadFrom};
use crate::engine::error::{EngineError, ScriptError};
use crate::engine::inspect::Finished;
use crate::engine::keys::Suffix;
use crate::engine::queue::Queue;
use crate::engine::reply::Decoder;

/// How far back the end of a job is looked for that no longer exists.
const LOOK_BACK: &str = "1000";

/// The pause between looks while Valkey is away.
const PAUSE: Duration = Duration::from_millis(100);

/// Why no return value came.
///
/// ```
/// use infra_redis::engine::WaitError;
///
/// /// Whether the job may still complete.
/// fn is_open(error: &WaitError) -> bool {
///     matches!(error, WaitError::TimedOut { .. })
/// }
///
/// let error = WaitError::Failed { id: "17".to_owned(), reason: "no paper".to_owned() };
/// assert_eq!(error.to_string(), "no paper");
/// assert!(!is_open(&error));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The job failed for good.
    #[error("{reason}")]
    Failed {
        /// The job.
        id: String,
        /// Why.
        reason: String,
    },
    /// The job had not finished by the deadline, and goes on.
    #[error(
        "Job wait {name} timed out before finishing, no finish notification arrived after \
         {deadline_ms}ms (id={id})"
    )]
    TimedOut {
        /// The job.
        id: String,
        /// Its kind; empty if not even that was found out in time.
        name: String,
        /// How long was waited, in milliseconds.
        deadline_ms: u128,
    },
    /// There is no such job, and no word of how it ended.
    #[error("Missing key for job {id}. isFinished")]
    Missing {
        /// The job.
        id: String,
    },
    /// The job could not be looked at, or what it returned is not JSON.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl<T> Queue<T> {
    /// What a job returned, as JSON, once it has completed; waits for that until the deadline,
    /// which is counted from now.
    ///
    /// The first wait opens a connection, which all later ones of this queue and its clones share
    /// until the last of them is dropped. A job that was removed when it finished is found as long
    /// as its end is among the queue's last thousand events.
    ///
    /// # Errors
    ///
    /// [`WaitError::Failed`] with the reason if the job fails for good, [`WaitError::TimedOut`]
    /// after the deadline, and [`WaitError::Missing`] if there is no such job and no word of how it
    /// ended. While Valkey is away it goes on waiting.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{JobOptions, Queue};
    /// # use std::time::Duration;
    /// # async fn example(queue: Queue<u32>) -> Result<(), Box<dyn std::error::Error>> {
    /// let id = queue.add("double", &21, &JobOptions::default()).await?;
    /// let json = queue.wait_until_finished(&id, Duration::from_secs(30)).await?;
    /// let doubled: u32 = serde_json::from_str(&json)?;
    /// # Ok(()) }
    /// ```
    pub async fn wait_until_finished(
        &self,
        id: &str,
        deadline: Duration,
    ) -> Result<String, WaitError> {
        let mut name = String::new();
        let waited = tokio::time::timeout(deadline, self.wait(id, &mut name)).await;
        waited.unwrap_or_else(|_| {
            Err(WaitError::TimedOut {
                id: id.to_owned(),
                name,
                deadline_ms: deadline.as_millis(),
            })
        })
    }

    async fn wait(&self, id: &str, name: &mut String) -> Result<String, WaitError> {
        let finishes = &self.finishes;
        persist(|| finishes.listen(self)).await?;
        loop {
            // Subscribe before looking: a job that finishes between the look and the subscription
            // would never be heard of.
            let mut registration = finishes.register(id);
            let look = persist(|| self.is_finished(id)).await;
            let finished = match look {
                Ok(None) => {
                    if name.is_empty() {
                        *name = self.name_of(id).await?;
                    }
                    registration.heard().await
                }
                Ok(finished) => finished,
                Err(EngineError::Script(ScriptError::JobMissing { .. })) => {
                    let ended = persist(|| self.look_back_for(id)).await?;
                    Some(ended.ok_or_else(|| WaitError::Missing { id: id.to_owned() })?)
                }
                Err(error) => return Err(error.into()),
            };
            match finished {
                Some(Finished::Completed(value)) => {
                    let is_json = serde_json::from_str::<IgnoredAny>(&value).is_ok();
                    let decoder = Decoder("wait_until_finished");
                    let error = || decoder.unexpected("a return value in JSON").into();
                    return is_json.then_some(value).ok_or_else(error);
                }
                Some(Finished::Failed(reason)) => {
                    let id = id.to_owned();
                    return Err(WaitError::Failed { id, reason });
                }
                None => {}
            }
        }
    }

    async fn name_of(&self, id: &str) -> Result<String, EngineError> {
        let args = vec![self.keys.job(id), "name".to_owned()];
        let reply = persist(|| self.connection.command("HGET", args.clone())).await?;
        Ok(Decoder("HGET").optional_text(reply)?.unwrap_or_default())
    }

    async fn look_back_for(&self, id: &str) -> Result<Option<Finished>, EngineError> {
        let key = self.keys.of(Suffix::Events);
        let range = ["+", "-", "COUNT", LOOK_BACK].map(str::to_owned);
        let args = std::iter::once(key).chain(range).collect();
        let reply = self.connection.command("XREVRANGE", args).await?;
        let newest_first = events(Decoder("XREVRANGE"), reply)?.into_iter();
        let finish = |event| match Heard::from_event(event)? {
            Heard::Finish(job_id, finish) if job_id == id => Some(finish),
            _ => None,
        };
        Ok(newest_first.map(|recorded| recorded.event).find_map(finish))
    }
}

/// Does what only reads, again and again while Valkey is away; the deadline ends that.
async fn persist<T, F: Future<Output = Result<T, EngineError>>>(
    mut read: impl FnMut() -> F,
) -> Result<T, EngineError> {
    loop {
        match read().await {
            Err(EngineError::Unavailable(reason)) => {
                debug!("A job can't be waited for now: {reason}");
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

/// What an event tells those who wait.
enum Heard {
    Finish(String, Finished),
    /// Something happened to this job that only a look can tell.
    Look(String),
    /// The same, to any job.
    LookAtAll,
}

impl Heard {
    fn from_event(event: QueueEvent) -> Option<Self> {
        match event {
            QueueEvent::Completed {
                job_id,
                return_value,
                ..
            } => Some(Self::Finish(job_id, Finished::Completed(return_value))),
            QueueEvent::Failed { job_id, reason, .. } => {
                Some(Self::Finish(job_id, Finished::Failed(reason)))
            }
            QueueEvent::Removed { job_id, .. } => Some(Self::Look(job_id)),
            QueueEvent::Gap { .. } => Some(Self::LookAtAll),
            // Such as a return value that is not JSON.
            QueueEvent::Unknown { fields } => {
                let job_id = fields.into_iter().find(|(name, _)| name == "jobId");
                job_id.map(|(_, job_id)| Self::Look(job_id))
            }
            _ => None,
        }
    }

    fn pass_on(self, waiting: &Waiting) {
        let mut waiting = lock(waiting);
        let (senders, finished): (Vec<_>, _) = match self {
            Self::Finish(id, finished) => (
                waiting.remove(&id).into_iter().flatten().collect(),
                Some(finished),
            ),
            Self::Look(id) => (waiting.remove(&id).into_iter().flatten().collect(), None),
            Self::LookAtAll => (waiting.drain().flat_map(|(_, all)| all).collect(), None),
        };
        for sender in senders {
            // Who gave up in the meantime need not be told.
            let _ = sender.send(finished.clone());
        }
    }
}

/// Those who wait for each job. They are sent how it ended, or nothing if they should look again.
type Senders = HashMap<String, Vec<oneshot::Sender<Option<Finished>>>>;
type Waiting = Mutex<Senders>;

/// Hears of finished jobs on behalf of all who wait for one.
#[derive(Default)]
pub(in crate::engine) struct Finishes {
    waiting: Arc<Waiting>,
    listener: OnceCell<DropGuard>,
}

impl Finishes {
    /// Starts to listen, unless it does. What happens after this returns is heard.
    async fn listen<T>(&self, queue: &Queue<T>) -> Result<(), EngineError> {
        let listen = || async {
            let settings = queue.connection.settings();
            let mut events = QueueEvents::open(settings, queue.id(), ReadFrom::Now).await?;
            let stop = CancellationToken::new();
            let (stopped, waiting) = (stop.clone(), Arc::clone(&self.waiting));
            TaskTracker::new().spawn(async move {
                while let Some(Some(recorded)) = stopped.run_until_cancelled(events.next()).await {
                    if let Some(heard) = Heard::from_event(recorded.event) {
                        heard.pass_on(&waiting);
                    }
                }
                events.stop().await;
            });
            Ok(stop.drop_guard())
        };
        self.listener.get_or_try_init(listen).await.map(drop)
    }

    fn register(&self, id: &str) -> Registration<'_> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        waiting.entry(id.to_owned()).or_default().push(sender);
        Registration {
            id: id.to_owned(),
            receiver,
            waiting: &self.waiting,
        }
    }
}

/// One who waits, until dropped.
struct Registration<'a> {
    id: String,
    receiver: oneshot::Receiver<Option<Finished>>,
    waiting: &'a Waiting,
}

impl Registration<'_> {
    /// How the job ended; nothing if it is to be looked at.
    async fn heard(&mut self) -> Option<Finished> {
        (&mut self.receiver).await.ok().flatten()
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = lock(self.waiting);
        if let Some(senders) = waiting.get_mut(&self.id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, Senders> {
    // Nothing that holds the lock can leave it half-changed.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
