//! Home feeds.

use async_trait::async_trait;
use domain::cards::CardId;
use domain::curators::{CuratorId, FollowerChunk};
use domain::feeds::{FanOut, FeedEntry, FeedItem, FeedReader, FeedRepository};
use domain::{Page, PageRequest, StoreError};

use super::unit_of_work::MemoryUnitOfWork;
use super::{MemoryStore, State, newest_first};

impl State {
    /// Whether the entry is new to the feed; the card must exist, and its curator be followed.
    fn add_entry(&mut self, reader: CuratorId, card: CardId) -> bool {
        let Some(author) = self.cards.get(&card).map(|card| card.curator) else {
            return false;
        };
        self.follows(reader, author) && self.feeds.insert((reader, card), author).is_none()
    }

    fn retract(&mut self, keep: impl Fn(CuratorId, CardId, CuratorId) -> bool) -> u64 {
        let before = self.feeds.len();
        self.feeds
            .retain(|(reader, card), author| keep(*reader, *card, *author));
        (before - self.feeds.len()) as u64
    }
}

#[async_trait]
impl FeedRepository for MemoryUnitOfWork {
    async fn fan_out(
        &mut self,
        entry: &FeedEntry,
        chunk: FollowerChunk,
    ) -> Result<FanOut, StoreError> {
        let author = self.state.cards.get(&entry.card).map(|card| card.curator);
        let readers = author.map_or_else(Vec::new, |author| self.state.followers(author, chunk));
        let mut added = 0;
        for reader in &readers {
            added += u64::from(self.state.add_entry(*reader, entry.card));
        }
        let end = chunk.end(&readers);
        Ok(FanOut { added, end })
    }

    async fn backfill(
        &mut self,
        reader: CuratorId,
        entries: &[FeedEntry],
    ) -> Result<u64, StoreError> {
        let mut added = 0;
        for entry in entries {
            added += u64::from(self.state.add_entry(reader, entry.card));
        }
        Ok(added)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        Ok(self.state.retract(|_, other, _| other != card))
    }

    async fn retract_author(
        &mut self,
        reader: CuratorId,
        author: CuratorId,
    ) -> Result<u64, StoreError> {
        if self.state.follows(reader, author) {
            return Ok(0);
        }
        Ok(self
            .state
            .retract(|other, _, by| (other, by) != (reader, author)))
    }
}

#[async_trait]
impl FeedReader for MemoryStore {
    async fn home(
        &self,
        reader: CuratorId,
        page: PageRequest,
    ) -> Result<Page<FeedItem>, StoreError> {
        let items: Vec<FeedItem> = self.read(|state| {
            let entries = state.feeds.keys().filter(|(other, _)| *other == reader);
            entries
                .filter_map(|(_, card)| {
                    let card = state.cards.get(card)?.clone();
                    let author = state.curator(card.curator)?.clone();
                    Some(FeedItem { card, author })
                })
                .collect()
        });
        let items = newest_first(items, &page, FeedItem::position);
        Ok(Page::from_one_more(items, page.limit, FeedItem::position))
    }
}
