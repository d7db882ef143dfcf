//! Home feeds.

use domain::StoreError;
use domain::feeds::FeedItem;
use sqlx::FromRow;

use super::cards::CardRow;
use super::curators::CuratorRow;

#[derive(FromRow)]
pub(crate) struct FeedRow {
    #[sqlx(flatten)]
    card: CardRow,
    #[sqlx(flatten)]
    author: CuratorRow,
}

impl TryFrom<FeedRow> for FeedItem {
    type Error = StoreError;

    fn try_from(row: FeedRow) -> Result<Self, Self::Error> {
        Ok(Self {
            card: row.card.try_into()?,
            author: row.author.try_into()?,
        })
    }
}
