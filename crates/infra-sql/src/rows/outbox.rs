//! Events that wait to be published.

use std::collections::HashSet;

use domain::event::cloud_event::DecodeError;
use domain::event::outbox::{Backlog, Pending};
use domain::{EventEnvelope, EventId, UnixMillis};
use sqlx::FromRow;
use uuid::Uuid;

/// How long an event waits that only a newer release can read.
const NEWER_RELEASE_WAIT_MS: i64 = 60_000;

#[derive(FromRow)]
pub(crate) struct PendingRow {
    event_id: Uuid,
    subject: Uuid,
    envelope: String,
    refusals: i32,
}

#[derive(FromRow)]
pub(crate) struct BacklogRow {
    pending: i64,
    parked: i64,
    oldest: Option<i64>,
}

impl From<BacklogRow> for Backlog {
    fn from(row: BacklogRow) -> Self {
        Self {
            pending: row.pending.unsigned_abs(),
            parked: row.parked.unsigned_abs(),
            oldest: row.oldest.map(UnixMillis::new),
        }
    }
}

/// What some rows turned out to be.
#[derive(Default)]
pub(crate) struct Looked {
    /// The events that can be published.
    pub(crate) pending: Vec<Pending>,
    /// The others, which the adapter sets aside.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// An event that this release can't read.
pub(crate) struct Unreadable {
    pub(crate) event: EventId,
    pub(crate) reason: String,
    /// Until when it is put off, because a newer release wrote it and its relay will publish it.
    /// Nobody can read one without: it is parked.
    pub(crate) until: Option<UnixMillis>,
}

/// Reads rows in the order in which they happened. Those of a subject wait behind one of it that
/// is put off.
pub(crate) fn look(rows: Vec<PendingRow>, now: UnixMillis) -> Looked {
    let mut looked = Looked::default();
    let mut put_off = HashSet::new();
    for row in rows {
        if put_off.contains(&row.subject) {
            continue;
        }
        let reason = match EventEnvelope::from_json(&row.envelope) {
            Ok(envelope) => {
                looked.pending.push(Pending {
                    envelope,
                    refusals: row.refusals.unsigned_abs(),
                });
                continue;
            }
            Err(reason) => reason,
        };
        let is_newer = matches!(
            reason,
            DecodeError::NewerVersion { .. } | DecodeError::UnknownKind(_)
        );
        if is_newer {
            put_off.insert(row.subject);
        }
        looked.unreadable.push(Unreadable {
            event: row.event_id.into(),
            reason: reason.to_string(),
            until: is_newer.then(|| UnixMillis::new(now.as_i64() + NEWER_RELEASE_WAIT_MS)),
        });
    }
    looked
}
