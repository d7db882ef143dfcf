//! Published events, to be replayed.

use async_trait::async_trait;
use domain::event::archive::{ArchiveFilter, Archived, EventArchive};
use domain::{EventKind, StoreError, UnixMillis};

use super::SqliteStore;
use crate::failure::unreadable;
use crate::rows::archive::ArchivedRow;

#[async_trait]
impl EventArchive for SqliteStore {
    async fn published(
        &self,
        filter: &ArchiveFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Archived>, StoreError> {
        let rows: Vec<ArchivedRow> = sqlx::query_as(
            "SELECT seq, event_id, envelope
             FROM outbox
             WHERE seq > ?1 AND published_at IS NOT NULL
               AND (?3 IS NULL OR recorded_at >= ?3)
               AND (?4 IS NULL OR recorded_at < ?4)
               AND (?5 IS NULL OR kind = ?5)
               AND (?6 IS NULL OR subject = ?6)
             ORDER BY seq
             LIMIT ?2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .bind(filter.from.map(UnixMillis::as_i64))
        .bind(filter.until.map(UnixMillis::as_i64))
        .bind(filter.kind.map(EventKind::as_str))
        .bind(filter.subject)
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable("outbox"))?;
        Ok(rows.into_iter().map(Archived::from).collect())
    }
}
