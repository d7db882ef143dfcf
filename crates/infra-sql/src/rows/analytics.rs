//! Counts of events.

use domain::StoreError;
use domain::analytics::DailyCount;
use sqlx::FromRow;

use crate::failure::corrupt;

#[derive(FromRow)]
pub(crate) struct CountRow {
    day: String,
    kind: String,
    count: i64,
}

impl TryFrom<CountRow> for DailyCount {
    type Error = StoreError;

    fn try_from(row: CountRow) -> Result<Self, Self::Error> {
        Ok(Self {
            day: row.day,
            kind: row.kind.parse().map_err(corrupt("daily count"))?,
            count: row.count.unsigned_abs(),
        })
    }
}
