//! One handler and one event: the transactions of the effects and of the inbox.

use std::sync::Arc;

use domain::{Clock, EventEnvelope, StoreError, UnitOfWork, UnixMillis};

use super::fence::Fence;
use super::handler::{EventHandler, HandlerError, Progress};
use crate::SharedStore;

/// When a handler may act on an event.
pub(super) enum Admission {
    /// If it has not acted on it.
    Once,
    /// If it has not acted on it under this name of a replay; in any case if it bears repetition,
    /// else only if it has not acted on it at all.
    Again(String),
}

/// What became of an event.
pub(super) enum Acted {
    /// The handler acted on it.
    Now {
        /// Whether it had not done so before.
        is_first: bool,
    },
    /// It had acted on it before, and nothing was done.
    Before,
}

/// Under which names the inbox lets a handler act now.
struct Admitted {
    is_first: bool,
    replay: Option<String>,
}

/// Lets a handler act on an event, in as many transactions as it needs. The last one holds the
/// inbox's record, so the event counts as handled only when all of it is.
pub(super) async fn act(
    store: &SharedStore,
    clock: &Arc<dyn Clock>,
    handler: &dyn EventHandler,
    envelope: &EventEnvelope,
    admission: &Admission,
    fence: &dyn Fence,
) -> Result<Acted, HandlerError> {
    let mut after = None;
    loop {
        let now = clock.now();
        let mut work = store.begin().await.map_err(away)?;
        let admitted = admission.ask(handler, envelope, work.as_mut(), now).await?;
        let Some(admitted) = admitted else {
            return Ok(Acted::Before);
        };
        let progress = handler.handle(envelope, after, work.as_mut(), now).await?;
        match progress {
            Progress::Done => {
                let letters = work.dead_letters();
                letters.resolve(handler.name(), envelope.id, now).await?;
                commit(work, fence).await?;
                let is_first = admitted.is_first;
                return Ok(Acted::Now { is_first });
            }
            Progress::UpTo(end) => {
                admitted.take_back(handler, envelope, work.as_mut()).await?;
                commit(work, fence).await?;
                after = Some(end);
            }
        }
    }
}

/// Commits if the work is still one's own; dropped, it is rolled back.
async fn commit(work: Box<dyn UnitOfWork>, fence: &dyn Fence) -> Result<(), HandlerError> {
    if !fence.holds() {
        let reason = "somebody else may have the work by now; nothing was committed";
        return Err(HandlerError::Taken(reason.into()));
    }
    Ok(work.commit().await?)
}

/// Where not even a unit of work begins, the event is not what fails.
fn away(error: StoreError) -> HandlerError {
    match error {
        error @ StoreError::Unavailable(_) => HandlerError::Away(error.into()),
        error => error.into(),
    }
}

impl Admission {
    async fn ask(
        &self,
        handler: &dyn EventHandler,
        envelope: &EventEnvelope,
        work: &mut dyn UnitOfWork,
        now: UnixMillis,
    ) -> Result<Option<Admitted>, StoreError> {
        let event = envelope.id;
        let replay = match self {
            Self::Once => None,
            Self::Again(replay) => Some(format!("{}@{replay}", handler.name())),
        };
        if let Some(name) = &replay
            && !work.inbox().first_time(name, event, now).await?
        {
            return Ok(None);
        }
        // The plain name is noted in any case: what a replay has done is done.
        let is_first = work.inbox().first_time(handler.name(), event, now).await?;
        let may_act = is_first || (replay.is_some() && handler.bears_repetition());
        Ok(may_act.then_some(Admitted { is_first, replay }))
    }
}

impl Admitted {
    /// The event does not count as handled yet.
    async fn take_back(
        &self,
        handler: &dyn EventHandler,
        envelope: &EventEnvelope,
        work: &mut dyn UnitOfWork,
    ) -> Result<(), StoreError> {
        if self.is_first {
            work.inbox().forget(handler.name(), envelope.id).await?;
        }
        if let Some(replay) = &self.replay {
            work.inbox().forget(replay, envelope.id).await?;
        }
        Ok(())
    }
}
