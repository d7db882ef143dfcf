//! Curators, their tokens, and who follows whom.

use async_trait::async_trait;
use domain::curators::{
    ApiToken, Credentials, Curator, CuratorId, CuratorReader, CuratorRepository, Follow,
    FollowerChunk, Handle, PasswordHash, TokenHash, TokenId,
};
use domain::{StoreError, UnixMillis};
use uuid::Uuid;

use super::PostgresStore;
use super::unit_of_work::PostgresUnitOfWork;
use crate::failure::{unavailable, unreadable};
use crate::rows::curators::{CredentialsRow, CuratorRow, TokenRow};

#[async_trait]
impl CuratorRepository for PostgresUnitOfWork {
    async fn add(&mut self, curator: &Curator, password: &PasswordHash) -> Result<(), StoreError> {
        // A conflict is an answer, not an error of the database: the unit of work goes on. Of two that
        // add the same curator at once, one meets the other's id before it meets the handle.
        let done = sqlx::query(
            "INSERT INTO curators (id, handle, display_name, password_hash, registered_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(curator.id.as_uuid())
        .bind(curator.handle.as_str())
        .bind(curator.display_name.as_str())
        .bind(password.as_str())
        .bind(curator.registered_at.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict("handle"));
        }
        Ok(())
    }

    async fn exists(&mut self, curator: CuratorId) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM curators WHERE id = $1)")
            .bind(curator.as_uuid())
            .fetch_one(self.connection())
            .await
            .map_err(unavailable)
    }

    async fn replace_password(
        &mut self,
        curator: CuratorId,
        was: &PasswordHash,
        becomes: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE curators SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        )
        .bind(curator.as_uuid())
        .bind(was.as_str())
        .bind(becomes.as_str())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    async fn add_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_tokens (id, curator_id, name, prefix, hash, issued_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(token.id.as_uuid())
        .bind(token.curator.as_uuid())
        .bind(token.name.as_str())
        .bind(&token.prefix)
        .bind(&token.hash.as_bytes()[..])
        .bind(token.issued_at.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn remove_token(
        &mut self,
        curator: CuratorId,
        token: TokenId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM api_tokens WHERE id = $1 AND curator_id = $2")
            .bind(token.as_uuid())
            .bind(curator.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn follow(&mut self, follow: &Follow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO follows (followee_id, follower_id, since)
             VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(follow.followee.as_uuid())
        .bind(follow.follower.as_uuid())
        .bind(follow.since.as_i64())
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn unfollow(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM follows WHERE followee_id = $1 AND follower_id = $2")
            .bind(followee.as_uuid())
            .bind(follower.as_uuid())
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn following(
        &mut self,
        follower: CuratorId,
        followee: CuratorId,
    ) -> Result<Option<Follow>, StoreError> {
        let since: Option<i64> = sqlx::query_scalar(
            "SELECT since FROM follows
             WHERE followee_id = $1 AND follower_id = $2
             FOR KEY SHARE",
        )
        .bind(followee.as_uuid())
        .bind(follower.as_uuid())
        .fetch_optional(self.connection())
        .await
        .map_err(unreadable("follow"))?;
        Ok(since.map(|since| Follow {
            follower,
            followee,
            since: UnixMillis::new(since),
        }))
    }

    async fn followers(
        &mut self,
        followee: CuratorId,
        chunk: FollowerChunk,
    ) -> Result<Vec<CuratorId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT follower_id FROM follows
             WHERE followee_id = $1 AND follower_id > $2
             ORDER BY follower_id
             LIMIT $3",
        )
        .bind(followee.as_uuid())
        .bind(chunk.start())
        .bind(i64::from(chunk.limit.get()))
        .fetch_all(self.connection())
        .await
        .map_err(unreadable("follow"))?;
        Ok(ids.into_iter().map(CuratorId::from).collect())
    }
}

#[async_trait]
impl CuratorReader for PostgresStore {
    async fn by_id(&self, curator: CuratorId) -> Result<Option<Curator>, StoreError> {
        sqlx::query_as::<_, CuratorRow>(
            "SELECT id AS curator_id, handle, display_name, registered_at
             FROM curators
             WHERE id = $1",
        )
        .bind(curator.as_uuid())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable("curator"))?
        .map(Curator::try_from)
        .transpose()
    }

    async fn by_handle(&self, handle: &Handle) -> Result<Option<Curator>, StoreError> {
        sqlx::query_as::<_, CuratorRow>(
            "SELECT id AS curator_id, handle, display_name, registered_at
             FROM curators
             WHERE handle = $1",
        )
        .bind(handle.as_str())
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable("curator"))?
        .map(Curator::try_from)
        .transpose()
    }

    async fn credentials(&self, handle: &Handle) -> Result<Option<Credentials>, StoreError> {
        let row: Option<CredentialsRow> =
            sqlx::query_as("SELECT id, password_hash FROM curators WHERE handle = $1")
                .bind(handle.as_str())
                .fetch_optional(&self.pool)
                .await
                .map_err(unreadable("curator"))?;
        Ok(row.map(Credentials::from))
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<ApiToken>, StoreError> {
        sqlx::query_as::<_, TokenRow>(
            "SELECT id, curator_id, name, prefix, hash, issued_at
             FROM api_tokens
             WHERE hash = $1",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(&self.pool)
        .await
        .map_err(unreadable("token"))?
        .map(ApiToken::try_from)
        .transpose()
    }

    async fn tokens(&self, curator: CuratorId) -> Result<Vec<ApiToken>, StoreError> {
        sqlx::query_as::<_, TokenRow>(
            "SELECT id, curator_id, name, prefix, hash, issued_at
             FROM api_tokens
             WHERE curator_id = $1
             ORDER BY issued_at DESC, id DESC",
        )
        .bind(curator.as_uuid())
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("token"))?
        .into_iter()
        .map(ApiToken::try_from)
        .collect()
    }

    async fn followees(&self, follower: CuratorId) -> Result<Vec<Curator>, StoreError> {
        sqlx::query_as::<_, CuratorRow>(
            "SELECT curators.id AS curator_id, handle, display_name, registered_at
             FROM follows
             JOIN curators ON curators.id = follows.followee_id
             WHERE follows.follower_id = $1
             ORDER BY follows.since DESC, follows.followee_id DESC",
        )
        .bind(follower.as_uuid())
        .fetch_all(&self.pool)
        .await
        .map_err(unreadable("curator"))?
        .into_iter()
        .map(Curator::try_from)
        .collect()
    }
}
