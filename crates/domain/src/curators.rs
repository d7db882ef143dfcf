//! Curators: accounts, API tokens, and who follows whom.

mod chunk;
mod curator;
pub mod events;
mod follow;
mod handle;
mod password;
mod repository;
mod token;

pub use chunk::FollowerChunk;
pub use curator::{Curator, DisplayName};
pub use follow::{Follow, FollowError};
pub use handle::{Handle, HandleError};
pub use password::{Password, PasswordError, PasswordHash, PasswordHasher};
pub use repository::{Credentials, CuratorReader, CuratorRepository};
pub use token::{ApiToken, TokenHash, TokenName};

use crate::id::uuid_id;

uuid_id! {
    /// Identifies a curator.
    CuratorId
}

uuid_id! {
    /// Identifies an API token; not the token itself.
    TokenId
}
