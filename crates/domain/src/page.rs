//! Keyset paging: newest first, stable while rows are inserted.

use uuid::Uuid;

use crate::time::UnixMillis;

/// Where a row stands in a list that is ordered by time, newest first, and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The row's time.
    pub at: UnixMillis,
    /// The row's id, which settles ties.
    pub id: Uuid,
}

/// How many rows a page may have: 1 to 100, 20 unless asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u32);

/// The limit is outside 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be between 1 and {max}, and is {0}", max = PageLimit::MAX)]
pub struct PageLimitError(u32);

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// Only rows after this one; from the start if absent.
    pub after: Option<Position>,
    /// The most rows to return.
    pub limit: PageLimit,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Where the next page starts; absent on the last one.
    pub next: Option<Position>,
}

impl PageLimit {
    /// The most rows a page may have.
    pub const MAX: u32 = 100;

    /// A limit from 1 to [`PageLimit::MAX`].
    pub fn try_new(rows: u32) -> Result<Self, PageLimitError> {
        if (1..=Self::MAX).contains(&rows) {
            Ok(Self(rows))
        } else {
            Err(PageLimitError(rows))
        }
    }

    /// The number of rows.
    pub fn rows(self) -> u32 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(20)
    }
}

impl<T> Page<T> {
    /// A page from one row more than the limit, which is how an adapter learns that there is more.
    pub fn from_one_more(
        mut rows: Vec<T>,
        limit: PageLimit,
        position: impl Fn(&T) -> Position,
    ) -> Self {
        let size = limit.rows() as usize;
        let has_more = rows.len() > size;
        rows.truncate(size);
        let next = has_more.then(|| rows.last().map(position)).flatten();
        Self { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "as `from_one_more` calls it"
    )]
    fn position(row: &u32) -> Position {
        Position {
            at: UnixMillis::new(i64::from(*row)),
            id: Uuid::nil(),
        }
    }

    #[test]
    fn a_limit_outside_its_range_is_refused() {
        assert!(PageLimit::try_new(1).is_ok() && PageLimit::try_new(100).is_ok());
        assert!(PageLimit::try_new(0).is_err());
        assert_eq!(
            PageLimit::try_new(101).unwrap_err().to_string(),
            "must be between 1 and 100, and is 101"
        );
    }

    #[test]
    fn the_next_page_starts_after_the_last_row_shown() {
        let limit = PageLimit::try_new(2).unwrap();
        let full = Page::from_one_more(vec![9, 8, 7], limit, position);
        assert_eq!(full.rows, [9, 8]);
        assert_eq!(full.next, Some(position(&8)));
        let last = Page::from_one_more(vec![9, 8], limit, position);
        assert_eq!(last.next, None);
    }
}
