//! Notifications and their entries.

use domain::cards::Card;
use domain::notifications::{EntryView, Group, NotificationView};
use domain::{StoreError, UnixMillis};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::cards::CardRow;
use super::curators::CuratorRow;
use crate::failure::corrupt;

#[derive(FromRow)]
pub(crate) struct NotificationRow {
    notification_id: Uuid,
    kind: String,
    since: i64,
    entries: i64,
    others: i64,
    read_at: Option<i64>,
    #[sqlx(flatten)]
    newest: EntryRow,
}

pub(crate) struct EntryRow {
    entry_id: Uuid,
    occurred_at: i64,
    actor: CuratorRow,
    card: Option<CardRow>,
}

// By hand, because a derived row can't say that all columns of the card may be absent together.
impl<'r, R> FromRow<'r, R> for EntryRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    CuratorRow: FromRow<'r, R>,
    CardRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let card_id: Option<Uuid> = row.try_get("card_id")?;
        Ok(Self {
            entry_id: row.try_get("entry_id")?,
            occurred_at: row.try_get("occurred_at")?,
            actor: CuratorRow::from_row(row)?,
            card: card_id.map(|_| CardRow::from_row(row)).transpose()?,
        })
    }
}

impl TryFrom<NotificationRow> for NotificationView {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.notification_id.into(),
            kind: row.kind.parse().map_err(corrupt("notification"))?,
            newest: row.newest.try_into()?,
            since: UnixMillis::new(row.since),
            count: row.entries.unsigned_abs(),
            others: row.others.unsigned_abs(),
            read_at: row.read_at.map(UnixMillis::new),
        })
    }
}

impl TryFrom<EntryRow> for EntryView {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.entry_id.into(),
            actor: row.actor.try_into()?,
            card: row.card.map(Card::try_from).transpose()?,
            occurred_at: UnixMillis::new(row.occurred_at),
        })
    }
}

/// A notification that an entry might join.
#[derive(FromRow)]
pub(crate) struct GroupRow {
    notification_id: Uuid,
    first_at: i64,
    last_at: i64,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            id: row.notification_id.into(),
            first_at: UnixMillis::new(row.first_at),
            last_at: UnixMillis::new(row.last_at),
        }
    }
}

/// How many different notifications entries belong to.
pub(crate) fn different(mut notifications: Vec<Uuid>) -> u64 {
    notifications.sort_unstable();
    notifications.dedup();
    notifications.len() as u64
}
