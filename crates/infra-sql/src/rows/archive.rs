//! Published events, to be replayed.

use domain::EventEnvelope;
use domain::event::archive::Archived;
use sqlx::FromRow;
use uuid::Uuid;

#[derive(FromRow)]
pub(crate) struct ArchivedRow {
    seq: i64,
    event_id: Uuid,
    envelope: String,
}

impl From<ArchivedRow> for Archived {
    fn from(row: ArchivedRow) -> Self {
        Self {
            place: row.seq,
            id: row.event_id.into(),
            envelope: EventEnvelope::from_json(&row.envelope).map_err(|error| error.to_string()),
        }
    }
}
