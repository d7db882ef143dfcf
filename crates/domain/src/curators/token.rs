//! API tokens: random secrets, kept as hashes.

use std::fmt;

use super::{CuratorId, TokenId};
use crate::text::text_value;
use crate::time::UnixMillis;

text_value! {
    /// What a curator calls a token, as in `laptop`.
    TokenName, 64, One
}

/// The SHA-256 of a token. A token has 256 random bits, so a fast hash keeps it safe.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// What is kept of an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifies the token.
    pub id: TokenId,
    /// Whose token it is.
    pub curator: CuratorId,
    /// What its owner calls it.
    pub name: TokenName,
    /// The first characters of the secret, so that its owner can tell tokens apart.
    pub prefix: String,
    /// The hash of the secret.
    pub hash: TokenHash,
    /// When it was issued.
    pub issued_at: UnixMillis,
}
