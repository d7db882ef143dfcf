//! A unit of work that tells what was done in it, and is never committed.

mod change;
mod recording;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use domain::UnitOfWork;

pub use change::{Change, Effect};
pub(super) use store::ShadowStore;

/// Shadows a unit of work.
struct Shadow {
    work: Box<dyn UnitOfWork>,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Shadow {
    /// In front of this unit of work; what is done in it is added to `changes`.
    fn of(work: Box<dyn UnitOfWork>, changes: &Arc<Mutex<Vec<Change>>>) -> Self {
        let changes = Arc::clone(changes);
        Self { work, changes }
    }

    fn note(&self, effect: Effect, about: String, rows: u64) {
        if rows > 0 {
            let change = Change {
                effect,
                about,
                rows,
            };
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            changes.push(change);
        }
    }
}
