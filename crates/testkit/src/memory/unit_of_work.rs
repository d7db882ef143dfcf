//! A unit of work is a copy of the state.

use std::sync::Arc;

use async_trait::async_trait;
use domain::analytics::AnalyticsRepository;
use domain::cards::CardRepository;
use domain::curators::CuratorRepository;
use domain::event::dead_letter::DeadLetterRepository;
use domain::event::inbox::Inbox;
use domain::event::outbox::Outbox;
use domain::feeds::FeedRepository;
use domain::notifications::NotificationRepository;
use domain::{StoreError, UnitOfWork};
use tokio::sync::OwnedMutexGuard;

use super::{MemoryStore, State};

pub(super) struct MemoryUnitOfWork {
    pub(super) state: State,
    store: MemoryStore,
    recorded_before: usize,
    _turn: OwnedMutexGuard<()>,
}

impl MemoryUnitOfWork {
    pub(super) async fn begin(store: MemoryStore) -> Self {
        let turn = Arc::clone(&store.turn).lock_owned().await;
        let state = store.read(State::clone);
        Self {
            recorded_before: state.outbox.len(),
            state,
            store,
            _turn: turn,
        }
    }
}

#[async_trait]
impl UnitOfWork for MemoryUnitOfWork {
    fn curators(&mut self) -> &mut dyn CuratorRepository {
        self
    }

    fn cards(&mut self) -> &mut dyn CardRepository {
        self
    }

    fn feeds(&mut self) -> &mut dyn FeedRepository {
        self
    }

    fn notifications(&mut self) -> &mut dyn NotificationRepository {
        self
    }

    fn analytics(&mut self) -> &mut dyn AnalyticsRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn Outbox {
        self
    }

    fn inbox(&mut self) -> &mut dyn Inbox {
        self
    }

    fn dead_letters(&mut self) -> &mut dyn DeadLetterRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let has_recorded = self.state.outbox.len() > self.recorded_before;
        let mut committed = self
            .store
            .committed
            .write()
            .expect("nobody panics while changing the state");
        *committed = self.state;
        if has_recorded {
            self.store.recorded.notify_one();
        }
        Ok(())
    }
}
