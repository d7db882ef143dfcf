//! Who follows whom.

use super::CuratorId;
use super::events::{CuratorFollowed, CuratorUnfollowed};
use crate::event::DomainEvent;
use crate::time::UnixMillis;

/// A curator who wants to see what another one saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    /// Who follows.
    pub follower: CuratorId,
    /// Who is followed.
    pub followee: CuratorId,
    /// Since when.
    pub since: UnixMillis,
}

/// Why somebody can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Nobody follows themselves.
    #[error("a curator can't follow themselves")]
    Oneself,
}

impl Follow {
    /// Starts following, and the event that says so.
    pub fn start(
        follower: CuratorId,
        followee: CuratorId,
        now: UnixMillis,
    ) -> Result<(Self, DomainEvent), FollowError> {
        if follower == followee {
            return Err(FollowError::Oneself);
        }
        let follow = Self {
            follower,
            followee,
            since: now,
        };
        let event = CuratorFollowed {
            follower_id: follower,
            followee_id: followee,
        };
        Ok((follow, event.into()))
    }

    /// The event that says that it ended.
    pub fn end(follower: CuratorId, followee: CuratorId) -> DomainEvent {
        CuratorUnfollowed {
            follower_id: follower,
            followee_id: followee,
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_follows_themselves() {
        let now = UnixMillis::new(0);
        let ada = CuratorId::generate(now);
        assert_eq!(Follow::start(ada, ada, now), Err(FollowError::Oneself));
    }

    #[test]
    fn following_says_who_and_whom() {
        let now = UnixMillis::new(0);
        let (ada, bob) = (CuratorId::generate(now), CuratorId::generate(now));
        let (follow, event) = Follow::start(ada, bob, now).unwrap();
        assert_eq!((follow.follower, follow.followee), (ada, bob));
        assert_eq!(event.subject(), bob.as_uuid());
    }
}
