//! Notifications.

use domain::cards::Card;
use domain::notifications::NotificationView;
use domain::{StoreError, UnixMillis};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::cards::CardRow;
use super::curators::CuratorRow;
use crate::failure::corrupt;

pub(crate) struct NotificationRow {
    notification_id: Uuid,
    kind: String,
    occurred_at: i64,
    read_at: Option<i64>,
    actor: CuratorRow,
    card: Option<CardRow>,
}

// By hand, because a derived row can't say that all columns of the card may be absent together.
impl<'r, R> FromRow<'r, R> for NotificationRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    CuratorRow: FromRow<'r, R>,
    CardRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let card_id: Option<Uuid> = row.try_get("card_id")?;
        Ok(Self {
            notification_id: row.try_get("notification_id")?,
            kind: row.try_get("kind")?,
            occurred_at: row.try_get("occurred_at")?,
            read_at: row.try_get("read_at")?,
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
            actor: row.actor.try_into()?,
            card: row.card.map(Card::try_from).transpose()?,
            occurred_at: UnixMillis::new(row.occurred_at),
            read_at: row.read_at.map(UnixMillis::new),
        })
    }
}
