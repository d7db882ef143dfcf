//! Real Postgres servers for tests.
//!
//! A server comes from a container (testcontainers) where Docker has the image, else from the
//! programs of an installed Postgres; `TESTKIT_POSTGRES=container|local` insists on one. Most tests
//! share one server, and each has a [`TestDatabase`] of its own there; those that stop it start a
//! [`PrivatePostgres`], and a [`SecurePostgres`] speaks TLS.

mod database;
mod launch;
mod private;
mod secure;
mod shared;

pub use database::TestDatabase;
pub use private::PrivatePostgres;
pub use secure::SecurePostgres;
