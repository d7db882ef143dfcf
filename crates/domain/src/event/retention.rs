//! How long is remembered what was published, what was handled and what failed.

use async_trait::async_trait;

use crate::store::StoreError;
use crate::time::UnixMillis;

/// Forgets what is no longer needed, some rows at a time, so that nobody waits for it.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Forgets at most `limit` events that were published before this time, the oldest first; how
    /// many it were. Events that are not published are never forgotten, parked ones neither.
    async fn forget_published(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError>;

    /// Forgets at most `limit` of the inbox's records that were made before this time, the oldest
    /// first; how many it were. An event that comes again after that takes effect again.
    async fn forget_seen(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError>;

    /// Forgets at most `limit` dead letters to which nothing has happened since before this time, in
    /// whatever state, the oldest first; how many it were.
    async fn forget_letters(&self, before: UnixMillis, limit: u32) -> Result<u64, StoreError>;
}
