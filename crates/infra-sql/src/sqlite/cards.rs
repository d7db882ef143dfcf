//! Cards in libraries.

use async_trait::async_trait;
use domain::cards::{Card, CardId, CardReader, CardRepository, Link};
use domain::curators::CuratorId;
use domain::{Page, PageRequest, Position, StoreError};
use uuid::Uuid;

use super::SqliteStore;
use super::unit_of_work::SqliteUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::keyset;
use crate::rows::cards::{CardRow, ContentColumns};

#[async_trait]
impl CardRepository for SqliteUnitOfWork {
    async fn add(&mut self, card: &Card) -> Result<(), StoreError> {
        let content = ContentColumns::from(&card.content);
        // A conflict is an answer, not an error of the database: the unit of work goes on.
        let done = sqlx::query(
            "INSERT INTO cards (id, curator_id, url, canonical_url, title, note, saved_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (canonical_url, curator_id) DO NOTHING",
        )
        .bind(card.id.as_uuid())
        .bind(card.curator.as_uuid())
        .bind(content.url)
        .bind(content.canonical_url)
        .bind(content.title)
        .bind(content.note)
        .bind(card.saved_at.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict("url"));
        }
        Ok(())
    }

    async fn owned(
        &mut self,
        curator: CuratorId,
        card: CardId,
    ) -> Result<Option<Card>, StoreError> {
        sqlx::query_as::<_, CardRow>(
            "SELECT id AS card_id, curator_id AS saved_by, url, title, note, saved_at
             FROM cards
             WHERE id = ?1 AND curator_id = ?2",
        )
        .bind(card.as_uuid())
        .bind(curator.as_uuid())
        .fetch_optional(self.connection())
        .await
        .map_err(unreadable("card"))?
        .map(Card::try_from)
        .transpose()
    }

    async fn exists(&mut self, card: CardId) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM cards WHERE id = ?1)")
            .bind(card.as_uuid())
            .fetch_one(self.connection())
            .await
            .map_err(unavailable)
    }

    async fn remove(&mut self, card: CardId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM cards WHERE id = ?1")
            .bind(card.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn newest(&mut self, curator: CuratorId, limit: u32) -> Result<Vec<Card>, StoreError> {
        sqlx::query_as::<_, CardRow>(
            "SELECT id AS card_id, curator_id AS saved_by, url, title, note, saved_at
             FROM cards
             WHERE curator_id = ?1
             ORDER BY saved_at DESC, id DESC
             LIMIT ?2",
        )
        .bind(curator.as_uuid())
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("card"))?
        .into_iter()
        .map(Card::try_from)
        .collect()
    }

    async fn savers(
        &mut self,
        link: &Link,
        before: Position,
    ) -> Result<Vec<CuratorId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT curator_id FROM cards
             WHERE canonical_url = ?1 AND (saved_at, id) < (?2, ?3)",
        )
        .bind(link.canonical())
        .bind(before.at.as_i64())
        .bind(before.id)
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("card"))?;
        Ok(ids.into_iter().map(CuratorId::from).collect())
    }
}

#[async_trait]
impl CardReader for SqliteStore {
    async fn by_id(&self, card: CardId) -> Result<Option<Card>, StoreError> {
        sqlx::query_as::<_, CardRow>(
            "SELECT id AS card_id, curator_id AS saved_by, url, title, note, saved_at
             FROM cards
             WHERE id = ?1",
        )
        .bind(card.as_uuid())
        .fetch_optional(&self.readers)
        .await
        .map_err(unreadable("card"))?
        .map(Card::try_from)
        .transpose()
    }

    async fn by_link(&self, curator: CuratorId, link: &Link) -> Result<Option<Card>, StoreError> {
        sqlx::query_as::<_, CardRow>(
            "SELECT id AS card_id, curator_id AS saved_by, url, title, note, saved_at
             FROM cards
             WHERE canonical_url = ?1 AND curator_id = ?2",
        )
        .bind(link.canonical())
        .bind(curator.as_uuid())
        .fetch_optional(&self.readers)
        .await
        .map_err(unreadable("card"))?
        .map(Card::try_from)
        .transpose()
    }

    async fn library(
        &self,
        curator: CuratorId,
        page: PageRequest,
    ) -> Result<Page<Card>, StoreError> {
        let (at, id) = keyset::start(&page);
        let cards = sqlx::query_as::<_, CardRow>(
            "SELECT id AS card_id, curator_id AS saved_by, url, title, note, saved_at
             FROM cards
             WHERE curator_id = ?1 AND (saved_at, id) < (?2, ?3)
             ORDER BY saved_at DESC, id DESC
             LIMIT ?4",
        )
        .bind(curator.as_uuid())
        .bind(at)
        .bind(id)
        .bind(keyset::one_more(&page))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable("card"))?
        .into_iter()
        .map(Card::try_from)
        .collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(cards, page.limit, Card::position))
    }
}
