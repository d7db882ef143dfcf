//! Why somebody is notified.

use std::fmt;
use std::str::FromStr;

/// Why somebody is notified. The order is precedence: the first is the most specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationKind {
    /// Somebody started to follow the recipient.
    NewFollower,
    /// Somebody saved a URL that the recipient has saved.
    SameUrlSaved,
    /// Somebody whom the recipient follows saved something.
    FolloweeSaved,
}

/// No notification kind has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown notification kind `{0}`")]
pub struct UnknownNotificationKind(String);

impl NotificationKind {
    /// Every kind there is, the most specific first.
    pub const ALL: [Self; 3] = [Self::NewFollower, Self::SameUrlSaved, Self::FolloweeSaved];

    /// The name, as stored and as shown in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewFollower => "new-follower",
            Self::SameUrlSaved => "same-url-saved",
            Self::FolloweeSaved => "followee-saved",
        }
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NotificationKind {
    type Err = UnknownNotificationKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownNotificationKind(name.to_owned()))
    }
}
