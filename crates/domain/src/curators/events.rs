//! What happens to curators.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CuratorId, Handle};

/// Somebody made an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CuratorRegistered {
    /// The new curator.
    pub curator_id: CuratorId,
    /// Their handle.
    pub handle: Handle,
}

/// Somebody started to follow somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CuratorFollowed {
    /// Who follows.
    pub follower_id: CuratorId,
    /// Who is followed.
    pub followee_id: CuratorId,
}

/// Somebody stopped following somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CuratorUnfollowed {
    /// Who followed.
    pub follower_id: CuratorId,
    /// Who was followed.
    pub followee_id: CuratorId,
}

impl CuratorRegistered {
    pub(crate) fn subject(&self) -> Uuid {
        self.curator_id.as_uuid()
    }
}

impl CuratorFollowed {
    pub(crate) fn subject(&self) -> Uuid {
        self.followee_id.as_uuid()
    }
}

impl CuratorUnfollowed {
    pub(crate) fn subject(&self) -> Uuid {
        self.followee_id.as_uuid()
    }
}
