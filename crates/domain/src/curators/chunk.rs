//! A part of those who follow somebody, for work that must not take all of them at once.

use std::num::NonZeroU32;

use uuid::Uuid;

use super::CuratorId;

/// Which followers, in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerChunk {
    /// Only those behind this one; from the start if absent.
    pub after: Option<CuratorId>,
    /// At most so many.
    pub limit: NonZeroU32,
}

impl FollowerChunk {
    /// The id behind which the chunk starts, for storage: no curator has the smallest one.
    pub fn start(self) -> Uuid {
        self.after.map_or(Uuid::nil(), CuratorId::as_uuid)
    }

    /// The last of the chunk's followers; absent if there was room for more, so that nobody is
    /// left behind them.
    pub fn end(self, followers: &[CuratorId]) -> Option<CuratorId> {
        let is_full = followers.len() >= self.limit.get() as usize;
        followers.last().copied().filter(|_| is_full)
    }
}
