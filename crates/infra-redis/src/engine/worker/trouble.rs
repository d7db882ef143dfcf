//! What keeps a worker from its queue, told once and not with every attempt.

use tracing::{error, info, warn};

use crate::engine::error::EngineError;
use crate::engine::keys::QueueId;

/// The latest trouble of a worker; nothing if there is none.
pub(super) struct Trouble {
    queue: String,
    told: Option<String>,
}

impl Trouble {
    /// None yet.
    pub(super) fn of(queue: &QueueId) -> Self {
        Self {
            queue: queue.name().to_owned(),
            told: None,
        }
    }

    /// Logs what is wrong, if it was not the same the last time.
    pub(super) fn note(&mut self, error: &EngineError) {
        let text = error.to_string();
        if self.told.as_ref() == Some(&text) {
            return;
        }
        let queue = self.queue.as_str();
        if error.may_pass() {
            warn!(
                queue.name = queue,
                "`{queue}` can't be reached, and is tried again: {text}"
            );
        } else {
            // Nothing of this passes by itself, so somebody should look.
            error!(queue.name = queue, "`{queue}` can't be worked: {text}");
        }
        self.told = Some(text);
    }

    /// Logs that it is over, if there was any.
    pub(super) fn end(&mut self) {
        if self.told.take().is_some() {
            let queue = self.queue.as_str();
            info!(queue.name = queue, "`{queue}` is worked again");
        }
    }
}
