//! The storage ports of Bellwether on SQL; the only crate that knows sqlx.
//!
//! Each database has a module with the same file names, so that two can be read side by side, and
//! its own directory of migrations. SQL stands in full in the function that runs it. What a row
//! holds, and what it means, depends on no dialect and stands once, in `rows`. What an adapter
//! promises is written in `testkit::contract`, whose clauses run every statement there is.

mod database;
mod database_url;
mod failure;
mod keyset;
mod postgres;
mod rows;
mod schema;
mod sqlite;

pub use database::{Database, OpenError};
pub use database_url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};
pub use postgres::PostgresStore;
pub use schema::{MigrationError, SchemaError, SchemaStatus};
pub use sqlite::SqliteStore;
