//! Passwords that cost nothing, and that can go wrong on purpose.

use async_trait::async_trait;
use domain::curators::{Password, PasswordHash, PasswordHasher};
use domain::store::BoxError;

/// Hashing this password panics.
pub(crate) const PANICS: &str = "panics on purpose";

/// Hashing this password never ends.
pub(crate) const HANGS: &str = "hangs on purpose";

/// The hash of a password is the password.
pub(crate) struct PlainPasswords;

#[async_trait]
impl PasswordHasher for PlainPasswords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BoxError> {
        match password.expose() {
            PANICS => panic!("the secret cause"),
            HANGS => std::future::pending().await,
            plain => Ok(PasswordHash::from_phc(plain.to_owned())),
        }
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, BoxError> {
        Ok(hash.is_some_and(|hash| hash.as_str() == password.expose()))
    }

    fn is_current(&self, _hash: &PasswordHash) -> bool {
        true
    }
}
