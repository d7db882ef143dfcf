//! sqlx's errors in the words of the storage ports.

use domain::StoreError;
use domain::store::BoxError;

/// The database can't be reached, or refused a statement that this release believes in.
pub(crate) fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// A row holds a value that is not what its column promises.
pub(crate) fn corrupt<E: Into<BoxError>>(what: &'static str) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Corrupt {
        what,
        source: error.into(),
    }
}

/// Tells a database that doesn't answer from one that answers with something unreadable.
pub(crate) fn unreadable(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => corrupt(what)(error),
        error => unavailable(error),
    }
}

/// What an error says, without sqlx's words around those of the database or the system.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}
