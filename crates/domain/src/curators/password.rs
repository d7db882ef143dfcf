//! Passwords, as they come in and as they are kept.

use std::fmt;

use async_trait::async_trait;

use crate::store::BoxError;

/// A password as a curator typed it: 10 to 128 characters. Never printed, never stored.
#[derive(Clone)]
pub struct Password(String);

/// Why a text is not a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 10 to 128 characters")]
pub struct PasswordError;

impl Password {
    /// Reads a password.
    pub fn parse(raw: String) -> Result<Self, PasswordError> {
        if (10..=128).contains(&raw.chars().count()) {
            Ok(Self(raw))
        } else {
            Err(PasswordError)
        }
    }

    /// The password, for the hasher alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What is kept of a password: a hash in the PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash that a [`PasswordHasher`] made.
    pub fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Turns passwords into hashes that are slow to guess.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The hash to keep. MUST use a new random salt each time.
    async fn hash(&self, password: Password) -> Result<PasswordHash, BoxError>;

    /// Whether the password is the one behind the hash. With no hash (there is no such curator) it
    /// MUST take as long as with one and answer `false`, so that the time tells nobody who exists.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, BoxError>;

    /// Whether a hash was made as [`hash`](Self::hash) makes them today, and not in a weaker way.
    fn is_current(&self, hash: &PasswordHash) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_not_printed() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        let hash = PasswordHash::from_phc("$argon2id$...".to_owned());
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }

    #[test]
    fn a_short_one_is_refused() {
        assert!(Password::parse("123456789".to_owned()).is_err());
        assert!(Password::parse("x".repeat(129)).is_err());
    }
}
