//! Curators, their tokens, and who follows whom.

use std::cmp::Reverse;

use async_trait::async_trait;
use domain::StoreError;
use domain::curators::{
    ApiToken, Credentials, Curator, CuratorId, CuratorReader, CuratorRepository, Follow,
    FollowerChunk, Handle, PasswordHash, TokenHash, TokenId,
};

use super::MemoryStore;
use super::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl CuratorRepository for MemoryUnitOfWork {
    async fn add(&mut self, curator: &Curator, password: &PasswordHash) -> Result<(), StoreError> {
        let mut others = self.state.curators.values();
        if others.any(|(other, _)| other.handle == curator.handle) {
            return Err(StoreError::Conflict("handle"));
        }
        self.state
            .curators
            .insert(curator.id, (curator.clone(), password.clone()));
        Ok(())
    }

    async fn exists(&mut self, curator: CuratorId) -> Result<bool, StoreError> {
        Ok(self.state.curators.contains_key(&curator))
    }

    async fn replace_password(
        &mut self,
        curator: CuratorId,
        was: &PasswordHash,
        becomes: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let kept = self.state.curators.get_mut(&curator);
        let Some((_, hash)) = kept.filter(|(_, hash)| hash == was) else {
            return Ok(false);
        };
        hash.clone_from(becomes);
        Ok(true)
    }

    async fn add_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        self.state.require_curator(token.curator)?;
        self.state.tokens.insert(token.id, token.clone());
        Ok(())
    }

    async fn remove_token(
        &mut self,
        curator: CuratorId,
        token: TokenId,
    ) -> Result<bool, StoreError> {
        let is_theirs = self
            .state
            .tokens
            .get(&token)
            .is_some_and(|token| token.curator == curator);
        if is_theirs {
            self.state.tokens.remove(&token);
        }
        Ok(is_theirs)
    }

    async fn follow(&mut self, follow: &Follow) -> Result<bool, StoreError> {
        self.state.require_curator(follow.follower)?;
        self.state.require_curator(follow.followee)?;
        if self.state.follows(follow.follower, follow.followee) {
            return Ok(false);
        }
        self.state
            .follows
            .insert((follow.follower, follow.followee), follow.since);
        Ok(true)
    }

    async fn unfollow(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<bool, StoreError> {
        Ok(self.state.follows.remove(&(follower, followee)).is_some())
    }

    async fn following(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<Option<Follow>, StoreError> {
        let since = self.state.follows.get(&(follower, followee));
        Ok(since.map(|since| Follow {
            follower,
            followee,
            since: *since,
        }))
    }

    async fn followers(
        &mut self,
        followee: CuratorId,
        chunk: FollowerChunk,
    ) -> Result<Vec<CuratorId>, StoreError> {
        Ok(self.state.followers(followee, chunk))
    }
}

#[async_trait]
impl CuratorReader for MemoryStore {
    async fn by_id(&self, curator: CuratorId) -> Result<Option<Curator>, StoreError> {
        Ok(self.read(|state| state.curator(curator).cloned()))
    }

    async fn by_handle(&self, handle: &Handle) -> Result<Option<Curator>, StoreError> {
        Ok(self.read(|state| {
            let mut curators = state.curators.values().map(|(curator, _)| curator);
            curators.find(|curator| curator.handle == *handle).cloned()
        }))
    }

    async fn credentials(&self, handle: &Handle) -> Result<Option<Credentials>, StoreError> {
        Ok(self.read(|state| {
            let mut curators = state.curators.values();
            let found = curators.find(|(curator, _)| curator.handle == *handle);
            found.map(|(curator, password)| Credentials {
                curator: curator.id,
                password_hash: password.clone(),
            })
        }))
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<ApiToken>, StoreError> {
        Ok(self.read(|state| {
            state
                .tokens
                .values()
                .find(|token| token.hash == *hash)
                .cloned()
        }))
    }

    async fn tokens(&self, curator: CuratorId) -> Result<Vec<ApiToken>, StoreError> {
        let mut tokens: Vec<ApiToken> = self.read(|state| {
            state
                .tokens
                .values()
                .filter(|token| token.curator == curator)
                .cloned()
                .collect()
        });
        tokens.sort_by_key(|token| Reverse((token.issued_at, token.id)));
        Ok(tokens)
    }

    async fn followees(&self, follower: CuratorId) -> Result<Vec<Curator>, StoreError> {
        Ok(self.read(|state| {
            let mut follows: Vec<_> = state
                .follows
                .iter()
                .filter(|((who, _), _)| *who == follower)
                .collect();
            follows.sort_by_key(|((_, followee), since)| Reverse((**since, *followee)));
            follows
                .into_iter()
                .filter_map(|((_, followee), _)| state.curator(*followee).cloned())
                .collect()
        }))
    }
}
