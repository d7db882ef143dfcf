//! A page request as the values that a statement binds.

use domain::PageRequest;
use uuid::Uuid;

/// `(at, id)` of the row that the page starts after. A first page starts after a row that can't
/// exist, so that one statement serves both.
pub(crate) fn start(page: &PageRequest) -> (i64, Uuid) {
    page.after.map_or((i64::MAX, Uuid::max()), |position| {
        (position.at.as_i64(), position.id)
    })
}

/// One row more than the limit, which tells whether there is a next page.
pub(crate) fn one_more(page: &PageRequest) -> i64 {
    i64::from(page.limit.rows()) + 1
}
