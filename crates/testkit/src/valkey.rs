//! Real Valkey servers for tests.
//!
//! A server comes from a container (testcontainers) where a Docker daemon answers, else from
//! `valkey-server` or `redis-server` on the path; `TESTKIT_VALKEY=container|local` insists on one.
//! Most tests share one server and keep apart by [`unique_prefix`]; those that stop it start a
//! [`PrivateValkey`] of their own. For what one server can't show there are [`SecureValkey`],
//! [`ReplicatedValkey`] and [`ClusterValkey`].

mod cluster;
mod launch;
mod node;
mod private;
mod replicated;
mod secure;
mod shared;

pub use cluster::ClusterValkey;
pub use private::{Persistence, PrivateValkey};
pub use replicated::ReplicatedValkey;
pub use secure::SecureValkey;
pub use shared::shared_url;

/// A key prefix that no other test has.
pub fn unique_prefix() -> String {
    format!("test-{}", uuid::Uuid::new_v4().simple())
}
