//! Passwords that cost nothing, and that tell how they were asked for.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::Store;
use domain::curators::{Password, PasswordHash, PasswordHasher};
use domain::store::BoxError;
use testkit::memory::MemoryStore;

/// The hasher fails on this password.
pub(crate) const BROKEN: &str = "broken hasher";

/// What the hashes of an earlier release end with.
pub(crate) const OLD: &str = " (old)";

/// The hash of a password is the password.
#[derive(Clone)]
pub(crate) struct PlainPasswords {
    store: MemoryStore,
    verified: Arc<Mutex<Vec<Option<String>>>>,
}

impl PlainPasswords {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            verified: Arc::default(),
        }
    }

    /// The hashes that passwords were compared with, in order; absent where there was none.
    pub(crate) fn verified(&self) -> Vec<Option<String>> {
        self.verified.lock().unwrap().clone()
    }

    /// Fails while somebody holds a transaction open, as nobody should while a password is hashed.
    async fn take_time(&self, password: &Password) -> Result<(), BoxError> {
        let turn = tokio::time::timeout(std::time::Duration::from_secs(1), self.store.begin());
        turn.await.map_err(|_| "a transaction is open")??;
        if password.expose() == BROKEN {
            return Err("out of memory".into());
        }
        Ok(())
    }
}

#[async_trait]
impl PasswordHasher for PlainPasswords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BoxError> {
        self.take_time(&password).await?;
        Ok(PasswordHash::from_phc(password.expose().to_owned()))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, BoxError> {
        self.take_time(&password).await?;
        let hash = hash.map(|hash| hash.as_str().to_owned());
        let kept = hash.as_deref().map(|hash| hash.trim_end_matches(OLD));
        let is_right = kept == Some(password.expose());
        self.verified.lock().unwrap().push(hash);
        Ok(is_right)
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        !hash.as_str().ends_with(OLD)
    }
}
