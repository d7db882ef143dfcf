//! Published events, to be replayed.

use async_trait::async_trait;
use domain::event::archive::{ArchiveFilter, Archived, EventArchive};
use domain::{EventEnvelope, StoreError};

use super::MemoryStore;

fn matches(envelope: &EventEnvelope, filter: &ArchiveFilter) -> bool {
    let at = envelope.occurred_at;
    filter.from.is_none_or(|from| at >= from)
        && filter.until.is_none_or(|until| at < until)
        && filter.kind.is_none_or(|kind| kind == envelope.kind())
        && filter
            .subject
            .is_none_or(|subject| subject == envelope.event.subject())
}

#[async_trait]
impl EventArchive for MemoryStore {
    async fn published(
        &self,
        filter: &ArchiveFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Archived>, StoreError> {
        Ok(self.read(|state| {
            let places = (1_i64..).zip(&state.outbox);
            let published = places.filter(|(place, row)| *place > after && row.is_published());
            published
                .map(|(place, row)| (place, row.envelope()))
                .filter(|(_, envelope)| matches(envelope, filter))
                .take(limit as usize)
                .map(|(place, envelope)| Archived {
                    place,
                    id: envelope.id,
                    envelope: Ok(envelope),
                })
                .collect()
        }))
    }
}
