//! Storage that is away, for writing or for everything that asks who is calling.

use async_trait::async_trait;
use domain::analytics::AnalyticsReader;
use domain::cards::CardReader;
use domain::curators::{
    ApiToken, Credentials, Curator, CuratorId, CuratorReader, Handle, TokenHash,
};
use domain::event::dead_letter::DeadLetterReader;
use domain::feeds::FeedReader;
use domain::notifications::NotificationReader;
use domain::{Store, StoreError, UnitOfWork};
use testkit::memory::MemoryStore;

/// What storage does not do any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Away {
    /// It does not begin a unit of work.
    Writing,
    /// It does not read curators and tokens either.
    Everything,
    /// It reads, and what it reads makes no sense.
    Corrupt,
    /// Somebody else always changes the same at the same time.
    Contended,
}

pub(crate) struct LostStore {
    store: MemoryStore,
    away: Away,
}

impl Away {
    pub(crate) fn of(self, store: MemoryStore) -> LostStore {
        LostStore { store, away: self }
    }

    fn error(self) -> StoreError {
        let source = "the secret cause".into();
        match self {
            Self::Contended => StoreError::Conflict("card"),
            Self::Writing | Self::Everything => StoreError::Unavailable(source),
            Self::Corrupt => StoreError::Corrupt {
                what: "curator",
                source,
            },
        }
    }
}

#[async_trait]
impl Store for LostStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Err(self.away.error())
    }

    fn curators(&self) -> &dyn CuratorReader {
        match self.away {
            Away::Writing | Away::Contended => self.store.curators(),
            Away::Everything | Away::Corrupt => self,
        }
    }

    fn cards(&self) -> &dyn CardReader {
        self.store.cards()
    }

    fn feeds(&self) -> &dyn FeedReader {
        self.store.feeds()
    }

    fn notifications(&self) -> &dyn NotificationReader {
        self.store.notifications()
    }

    fn analytics(&self) -> &dyn AnalyticsReader {
        self.store.analytics()
    }

    fn dead_letters(&self) -> &dyn DeadLetterReader {
        self.store.dead_letters()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Err(self.away.error())
    }
}

#[async_trait]
impl CuratorReader for LostStore {
    async fn by_id(&self, _: CuratorId) -> Result<Option<Curator>, StoreError> {
        Err(self.away.error())
    }

    async fn by_handle(&self, _: &Handle) -> Result<Option<Curator>, StoreError> {
        Err(self.away.error())
    }

    async fn credentials(&self, _: &Handle) -> Result<Option<Credentials>, StoreError> {
        Err(self.away.error())
    }

    async fn token(&self, _: &TokenHash) -> Result<Option<ApiToken>, StoreError> {
        Err(self.away.error())
    }

    async fn tokens(&self, _: CuratorId) -> Result<Vec<ApiToken>, StoreError> {
        Err(self.away.error())
    }

    async fn followees(&self, _: CuratorId) -> Result<Vec<Curator>, StoreError> {
        Err(self.away.error())
    }
}
