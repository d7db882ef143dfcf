//! Home feeds: shown on request, kept up to date by events.

mod update;

pub use update::UpdateFeeds;

use domain::curators::CuratorId;
use domain::feeds::FeedItem;
use domain::{Page, PageRequest, StoreError};

use crate::SharedStore;

/// Shows feeds.
#[derive(Clone)]
pub struct Feeds {
    store: SharedStore,
}

impl Feeds {
    /// Use cases on this store.
    pub fn new(store: SharedStore) -> Self {
        Self { store }
    }

    /// What the curators that `reader` follows have saved, newest first.
    pub async fn home(
        &self,
        reader: CuratorId,
        page: PageRequest,
    ) -> Result<Page<FeedItem>, StoreError> {
        self.store.feeds().home(reader, page).await
    }
}
