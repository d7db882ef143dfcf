//! Home feeds, fanned out on writing.

use async_trait::async_trait;
use domain::cards::CardId;
use domain::curators::{CuratorId, FollowerChunk};
use domain::feeds::{FanOut, FeedEntry, FeedItem, FeedReader, FeedRepository};
use domain::{Page, PageRequest, StoreError};
use uuid::Uuid;

use super::SqliteStore;
use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::feeds::FeedRow;

/// Entries are copied from the card itself, not from what is known about it: where the card is
/// gone nothing is added, and the same card can't be in a feed at two times.
#[async_trait]
impl FeedRepository for SqliteUnitOfWork {
    async fn fan_out(
        &mut self,
        entry: &FeedEntry,
        chunk: FollowerChunk,
    ) -> Result<FanOut, StoreError> {
        let end: Option<Uuid> = sqlx::query_scalar(
            "SELECT follows.follower_id
             FROM cards
             JOIN follows ON follows.followee_id = cards.curator_id
             WHERE cards.id = ?1 AND follows.follower_id > ?2
             ORDER BY follows.follower_id
             LIMIT 1 OFFSET ?3",
        )
        .bind(entry.card.as_uuid())
        .bind(chunk.start())
        .bind(i64::from(chunk.limit.get()) - 1)
        .fetch_optional(self.connection())
        .await
        .map_err(unreadable("follow"))?;
        let done = sqlx::query(
            "INSERT INTO feed_entries (reader_id, saved_at, card_id, author_id)
             SELECT follows.follower_id, cards.saved_at, cards.id, cards.curator_id
             FROM cards
             JOIN follows ON follows.followee_id = cards.curator_id
             WHERE cards.id = ?1 AND follows.follower_id > ?2
               AND (?3 IS NULL OR follows.follower_id <= ?3)
             ON CONFLICT DO NOTHING",
        )
        .bind(entry.card.as_uuid())
        .bind(chunk.start())
        .bind(end)
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(FanOut {
            added: done.rows_affected(),
            end: end.map(CuratorId::from),
        })
    }

    async fn backfill(
        &mut self,
        reader: CuratorId,
        entries: &[FeedEntry],
    ) -> Result<u64, StoreError> {
        let mut added = 0;
        for entry in entries {
            let done = sqlx::query(
                "INSERT INTO feed_entries (reader_id, saved_at, card_id, author_id)
                 SELECT follows.follower_id, cards.saved_at, cards.id, cards.curator_id
                 FROM cards
                 JOIN follows ON follows.followee_id = cards.curator_id
                 WHERE cards.id = ?1 AND follows.follower_id = ?2
                 ON CONFLICT DO NOTHING",
            )
            .bind(entry.card.as_uuid())
            .bind(reader.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
            added += done.rows_affected();
        }
        Ok(added)
    }

    async fn retract_card(&mut self, card: CardId) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM feed_entries WHERE card_id = ?1")
            .bind(card.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn retract_author(
        &mut self,
        reader: CuratorId,
        author: CuratorId,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM feed_entries
             WHERE reader_id = ?1 AND author_id = ?2 AND NOT EXISTS (
                 SELECT 1 FROM follows WHERE followee_id = ?2 AND follower_id = ?1
             )",
        )
        .bind(reader.as_uuid())
        .bind(author.as_uuid())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl FeedReader for SqliteStore {
    async fn home(
        &self,
        reader: CuratorId,
        page: PageRequest,
    ) -> Result<Page<FeedItem>, StoreError> {
        let (at, id) = keyset::start(&page);
        let items = sqlx::query_as::<_, FeedRow>(
            "SELECT cards.id AS card_id, cards.curator_id AS saved_by, cards.url, cards.title,
                    cards.note, cards.saved_at,
                    curators.id AS curator_id, curators.handle, curators.display_name,
                    curators.registered_at
             FROM feed_entries
             JOIN cards ON cards.id = feed_entries.card_id
             JOIN curators ON curators.id = cards.curator_id
             WHERE feed_entries.reader_id = ?1
               AND (feed_entries.saved_at, feed_entries.card_id) < (?2, ?3)
             ORDER BY feed_entries.saved_at DESC, feed_entries.card_id DESC
             LIMIT ?4",
        )
        .bind(reader.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable("feed"))?
        .into_iter()
        .map(FeedItem::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(items, page.limit, FeedItem::position))
    }
}
