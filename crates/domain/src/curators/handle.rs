//! The unique name of a curator.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A curator's unique name: 3 to 30 of `a-z`, `0-9`, `_` and `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(String);

/// Why a text is not a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// Shorter than 3 or longer than 30 characters.
    #[error("must have 3 to 30 characters")]
    Length,
    /// Something other than `a-z`, `0-9`, `_` and `-`.
    #[error("may only contain the letters a to z, digits, `_` and `-`")]
    Character,
    /// Does not start with a letter.
    #[error("must start with a letter")]
    Start,
}

impl Handle {
    /// Reads a handle; capitals are made small, so that `Ada` and `ada` are one name.
    pub fn parse(raw: &str) -> Result<Self, HandleError> {
        let handle = raw.to_ascii_lowercase();
        if !(3..=30).contains(&handle.chars().count()) {
            return Err(HandleError::Length);
        }
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if !handle.chars().all(is_allowed) {
            return Err(HandleError::Character);
        }
        if !handle.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(HandleError::Start);
        }
        Ok(Self(handle))
    }

    /// The handle.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Handle {
    type Error = HandleError;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        Self::parse(&raw)
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capitals_do_not_make_another_name() {
        assert_eq!(Handle::parse("Ada").unwrap().as_str(), "ada");
    }

    #[test]
    fn a_broken_rule_is_named() {
        assert_eq!(Handle::parse("ab"), Err(HandleError::Length));
        assert_eq!(Handle::parse(&"a".repeat(31)), Err(HandleError::Length));
        assert_eq!(Handle::parse("ada lovelace"), Err(HandleError::Character));
        assert_eq!(Handle::parse("ädä"), Err(HandleError::Character));
        assert_eq!(Handle::parse("1ada"), Err(HandleError::Start));
    }

    proptest! {
        #[test]
        fn a_parsed_handle_parses_to_itself(raw in "\\PC{0,40}") {
            if let Ok(handle) = Handle::parse(&raw) {
                prop_assert_eq!(Handle::parse(handle.as_str()).unwrap(), handle);
            }
        }
    }
}
