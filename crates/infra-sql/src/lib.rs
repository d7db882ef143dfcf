//! The storage ports of Bellwether on SQL; the only crate that knows sqlx.
//!
//! Each database has a module with the same file names, so that two can be read side by side, and
//! its own directory of migrations. SQL stands in full beside the row it fills. What an adapter
//! promises is written in `testkit::contract`, whose clauses run every statement there is.

mod database_url;
mod failure;
mod keyset;
mod schema;
mod sqlite;

pub use database_url::{DatabaseUrl, DatabaseUrlError};
pub use schema::{MigrationError, SchemaError, SchemaStatus};
pub use sqlite::{OpenError, SqliteStore};
