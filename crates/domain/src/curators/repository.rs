//! The storage ports of curators.

use async_trait::async_trait;

use super::{
    ApiToken, Curator, CuratorId, Follow, FollowerChunk, Handle, PasswordHash, TokenHash, TokenId,
};
use crate::store::StoreError;

/// What signing in is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who signs in.
    pub curator: CuratorId,
    /// What the password must match.
    pub password_hash: PasswordHash,
}

/// Changes curators, tokens and follows.
#[async_trait]
pub trait CuratorRepository: Send {
    /// Adds an account. MUST fail with `Conflict("handle")` if the handle is taken.
    async fn add(&mut self, curator: &Curator, password: &PasswordHash) -> Result<(), StoreError>;

    /// Whether there is such a curator.
    async fn exists(&mut self, curator: CuratorId) -> Result<bool, StoreError>;

    /// Puts one hash of a password in another's place; `false`, and nothing changed, if the curator's
    /// hash is not the one that was.
    async fn replace_password(
        &mut self,
        curator: CuratorId,
        was: &PasswordHash,
        becomes: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Adds a token.
    async fn add_token(&mut self, token: &ApiToken) -> Result<(), StoreError>;

    /// Removes a token of this curator; `false` if they have no such token.
    async fn remove_token(
        &mut self,
        curator: CuratorId,
        token: TokenId,
    ) -> Result<bool, StoreError>;

    /// Records a follow; `false`, and nothing changed, if it was there.
    async fn follow(&mut self, follow: &Follow) -> Result<bool, StoreError>;

    /// Removes a follow; `false` if there was none.
    async fn unfollow(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<bool, StoreError>;

    /// The follow, if there is one. It MUST stay until the unit of work ends.
    async fn following(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<Option<Follow>, StoreError>;

    /// A chunk of those who follow this curator, in the order of their ids.
    async fn followers(
        &mut self,
        followee: CuratorId,
        chunk: FollowerChunk,
    ) -> Result<Vec<CuratorId>, StoreError>;
}

/// Reads curators, tokens and follows.
#[async_trait]
pub trait CuratorReader: Send + Sync {
    /// The curator with this id.
    async fn by_id(&self, curator: CuratorId) -> Result<Option<Curator>, StoreError>;

    /// The curator with this handle.
    async fn by_handle(&self, handle: &Handle) -> Result<Option<Curator>, StoreError>;

    /// What signing in as this handle is checked against.
    async fn credentials(&self, handle: &Handle) -> Result<Option<Credentials>, StoreError>;

    /// The token with this hash.
    async fn token(&self, hash: &TokenHash) -> Result<Option<ApiToken>, StoreError>;

    /// The tokens of a curator, newest first.
    async fn tokens(&self, curator: CuratorId) -> Result<Vec<ApiToken>, StoreError>;

    /// Whom this curator follows, newest first.
    async fn followees(&self, follower: CuratorId) -> Result<Vec<Curator>, StoreError>;
}
