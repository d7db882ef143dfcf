//! Accounts, API tokens, and following.

mod secret;

use std::sync::Arc;
use std::time::Duration;

pub use secret::TokenSecret;

use domain::curators::{
    ApiToken, Curator, CuratorId, DisplayName, Follow, FollowError, Handle, Password, PasswordHash,
    PasswordHasher, TokenId, TokenName,
};
use domain::event::Origin;
use domain::store::BoxError;
use domain::{Clock, DomainEvent, EventEnvelope, StoreError, UnitOfWork, UnixMillis};
use subtle::ConstantTimeEq;
use tracing::warn;

use crate::SharedStore;
use crate::rates::{Counted, RateLimit, Rates};

/// Why something about an account can't be done.
#[derive(Debug, thiserror::Error)]
pub enum CuratorError {
    /// Somebody has this handle.
    #[error("this handle is taken")]
    HandleTaken,
    /// No curator has this handle and password.
    #[error("handle or password is wrong")]
    WrongCredentials,
    /// There were too many attempts to sign in as this curator, whether there is one or not.
    #[error("too many attempts to sign in with this handle")]
    TooManyAttempts {
        /// When there may be another.
        again_in: Duration,
    },
    /// There is no such curator.
    #[error("there is no such curator")]
    UnknownCurator,
    /// The curator has no such token.
    #[error("you have no such token")]
    UnknownToken,
    /// See [`FollowError`].
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret couldn't be made or checked.
    #[error("secrets can't be made or checked now")]
    Secrets(#[source] BoxError),
}

/// What somebody registers with.
#[derive(Debug)]
pub struct Registration {
    /// The unique name.
    pub handle: Handle,
    /// The name shown to people.
    pub display_name: DisplayName,
    /// The password.
    pub password: Password,
}

/// Registers curators, issues their tokens and lets them follow each other.
#[derive(Clone)]
pub struct Curators {
    store: SharedStore,
    clock: Arc<dyn Clock>,
    passwords: Arc<dyn PasswordHasher>,
    sign_ins: Option<(Rates, RateLimit)>,
}

impl Curators {
    /// Use cases on this store.
    pub fn new(
        store: SharedStore,
        clock: Arc<dyn Clock>,
        passwords: Arc<dyn PasswordHasher>,
    ) -> Self {
        Self {
            store,
            clock,
            passwords,
            sign_ins: None,
        }
    }

    /// Limits the attempts to sign in as one curator; one that succeeds makes the others forgotten.
    #[must_use]
    pub fn limiting_sign_ins(mut self, rates: Rates, limit: RateLimit) -> Self {
        self.sign_ins = Some((rates, limit));
        self
    }

    /// Makes an account.
    pub async fn register(
        &self,
        registration: Registration,
        origin: Origin,
    ) -> Result<Curator, CuratorError> {
        // Hashing is slow on purpose: it must not happen while a transaction is open.
        let hash = self.passwords.hash(registration.password).await;
        let hash = hash.map_err(CuratorError::Secrets)?;
        let now = self.clock.now();
        let (curator, event) =
            Curator::register(registration.handle, registration.display_name, now);
        let mut work = self.store.begin().await?;
        work.curators()
            .add(&curator, &hash)
            .await
            .map_err(|error| match error {
                StoreError::Conflict(_) => CuratorError::HandleTaken,
                other => other.into(),
            })?;
        record(work, event, origin, self.clock.now()).await?;
        Ok(curator)
    }

    /// Checks a password and issues a token; the secret is shown this once.
    pub async fn issue_token(
        &self,
        handle: &Handle,
        password: Password,
        name: TokenName,
    ) -> Result<(ApiToken, TokenSecret), CuratorError> {
        self.count_attempt(handle).await?;
        let credentials = self.store.curators().credentials(handle).await?;
        let (curator, hash) = match credentials {
            Some(found) => (Some(found.curator), Some(found.password_hash)),
            None => (None, None),
        };
        let verified = self.passwords.verify(password.clone(), hash.clone()).await;
        let is_right = verified.map_err(CuratorError::Secrets)?;
        let curator = curator
            .filter(|_| is_right)
            .ok_or(CuratorError::WrongCredentials)?;
        self.forget_attempts(handle).await;
        if let Some(hash) = hash.filter(|hash| !self.passwords.is_current(hash)) {
            self.hash_again(curator, password, hash).await;
        }

        let secret = TokenSecret::generate().map_err(CuratorError::Secrets)?;
        let now = self.clock.now();
        let token = ApiToken {
            id: TokenId::generate(now),
            curator,
            name,
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
            issued_at: now,
        };
        let mut work = self.store.begin().await?;
        work.curators().add_token(&token).await?;
        work.commit().await?;
        Ok((token, secret))
    }

    /// Before the password is looked at, so that attempts made at once are counted, too.
    async fn count_attempt(&self, handle: &Handle) -> Result<(), CuratorError> {
        let Some((rates, limit)) = &self.sign_ins else {
            return Ok(());
        };
        let attempt = rates.take(&Counted::SignIns(handle.clone()), *limit).await;
        if attempt.is_allowed() {
            return Ok(());
        }
        Err(CuratorError::TooManyAttempts {
            again_in: attempt.ends_in(),
        })
    }

    async fn forget_attempts(&self, handle: &Handle) {
        if let Some((rates, _)) = &self.sign_ins {
            rates.forget(&Counted::SignIns(handle.clone())).await;
        }
    }

    /// Keeps a password as passwords are hashed today. Whoever signs in gets in even if that fails:
    /// the older hash is as right as before, and the next time is as good.
    async fn hash_again(&self, curator: CuratorId, password: Password, old: PasswordHash) {
        let replaced = async {
            let new = self.passwords.hash(password).await;
            let new = new.map_err(CuratorError::Secrets)?;
            let mut work = self.store.begin().await?;
            if work
                .curators()
                .replace_password(curator, &old, &new)
                .await?
            {
                work.commit().await?;
            }
            Ok::<_, CuratorError>(())
        };
        if let Err(error) = replaced.await {
            warn!("A password could not be hashed anew: {error}");
        }
    }

    /// The token behind this text, if it is one.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<ApiToken>, StoreError> {
        let hash = secret::hash(secret);
        let token = self.store.curators().token(&hash).await?;
        // The database's index compares byte by byte; this comparison does not.
        let is_same = |token: &ApiToken| token.hash.as_bytes().ct_eq(hash.as_bytes()).into();
        Ok(token.filter(is_same))
    }

    /// A curator's tokens, newest first.
    pub async fn tokens(&self, curator: CuratorId) -> Result<Vec<ApiToken>, StoreError> {
        self.store.curators().tokens(curator).await
    }

    /// Makes a token useless.
    pub async fn revoke_token(
        &self,
        curator: CuratorId,
        token: TokenId,
    ) -> Result<(), CuratorError> {
        let mut work = self.store.begin().await?;
        if !work.curators().remove_token(curator, token).await? {
            return Err(CuratorError::UnknownToken);
        }
        work.commit().await?;
        Ok(())
    }

    /// The curator with this id.
    pub async fn find(&self, curator: CuratorId) -> Result<Curator, CuratorError> {
        let curator = self.store.curators().by_id(curator).await?;
        curator.ok_or(CuratorError::UnknownCurator)
    }

    /// The curator with this handle.
    pub async fn find_by_handle(&self, handle: &Handle) -> Result<Curator, CuratorError> {
        let curator = self.store.curators().by_handle(handle).await?;
        curator.ok_or(CuratorError::UnknownCurator)
    }

    /// Starts to follow somebody; following them already changes nothing and raises nothing.
    pub async fn follow(
        &self,
        follower: CuratorId,
        followee: CuratorId,
        origin: Origin,
    ) -> Result<(), CuratorError> {
        let now = self.clock.now();
        let (follow, event) = Follow::start(follower, followee, now)?;
        let mut work = self.store.begin().await?;
        if !work.curators().exists(followee).await? {
            return Err(CuratorError::UnknownCurator);
        }
        if work.curators().follow(&follow).await? {
            record(work, event, origin, now).await?;
        }
        Ok(())
    }

    /// Stops following somebody; not following them already changes nothing and raises nothing.
    pub async fn unfollow(
        &self,
        follower: CuratorId,
        followee: CuratorId,
        origin: Origin,
    ) -> Result<(), CuratorError> {
        let mut work = self.store.begin().await?;
        if work.curators().unfollow(follower, followee).await? {
            let event = Follow::end(follower, followee);
            record(work, event, origin, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Whom a curator follows, newest first.
    pub async fn followees(&self, follower: CuratorId) -> Result<Vec<Curator>, StoreError> {
        self.store.curators().followees(follower).await
    }
}

async fn record(
    mut work: Box<dyn UnitOfWork>,
    event: DomainEvent,
    origin: Origin,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let envelope = EventEnvelope::new(event, origin, now);
    work.outbox().record(&[envelope]).await?;
    work.commit().await
}
