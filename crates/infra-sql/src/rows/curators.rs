//! Curators and their tokens.

use domain::curators::{
    ApiToken, Credentials, Curator, DisplayName, Handle, PasswordHash, TokenHash, TokenName,
};
use domain::{StoreError, UnixMillis};
use sqlx::FromRow;
use uuid::Uuid;

use crate::failure::corrupt;

/// A curator; its columns have names that a card's don't, so that both can be in one row.
#[derive(FromRow)]
pub(crate) struct CuratorRow {
    curator_id: Uuid,
    handle: String,
    display_name: String,
    registered_at: i64,
}

impl TryFrom<CuratorRow> for Curator {
    type Error = StoreError;

    fn try_from(row: CuratorRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.curator_id.into(),
            handle: Handle::parse(&row.handle).map_err(corrupt("handle"))?,
            display_name: DisplayName::parse(&row.display_name).map_err(corrupt("display name"))?,
            registered_at: UnixMillis::new(row.registered_at),
        })
    }
}

#[derive(FromRow)]
pub(crate) struct TokenRow {
    id: Uuid,
    curator_id: Uuid,
    name: String,
    prefix: String,
    hash: Vec<u8>,
    issued_at: i64,
}

impl TryFrom<TokenRow> for ApiToken {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, Self::Error> {
        let hash: [u8; 32] = row
            .hash
            .try_into()
            .map_err(|_| corrupt("token hash")("not 32 bytes long"))?;
        Ok(Self {
            id: row.id.into(),
            curator: row.curator_id.into(),
            name: TokenName::parse(&row.name).map_err(corrupt("token name"))?,
            prefix: row.prefix,
            hash: TokenHash::from_bytes(hash),
            issued_at: UnixMillis::new(row.issued_at),
        })
    }
}

#[derive(FromRow)]
pub(crate) struct CredentialsRow {
    id: Uuid,
    password_hash: String,
}

impl From<CredentialsRow> for Credentials {
    fn from(row: CredentialsRow) -> Self {
        Self {
            curator: row.id.into(),
            password_hash: PasswordHash::from_phc(row.password_hash),
        }
    }
}
