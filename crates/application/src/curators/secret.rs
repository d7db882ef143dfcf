//! The secret half of an API token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::curators::TokenHash;
use domain::store::BoxError;
use sha2::{Digest, Sha256};

/// What marks a text as a token of Bellwether, for people and for secret scanners.
const MARK: &str = "bw_";

/// How much of a secret may be shown to tell tokens apart: the mark and 30 of its 256 bits.
const PREFIX_LENGTH: usize = MARK.len() + 5;

/// A token as its owner sends it: `bw_` and 256 random bits. Shown once, never stored or printed.
pub struct TokenSecret(String);

impl TokenSecret {
    /// A new secret from the system's random source.
    pub(super) fn generate() -> Result<Self, BoxError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The secret, for its owner alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn prefix(&self) -> &str {
        &self.0[..PREFIX_LENGTH]
    }

    pub(super) fn hash(&self) -> TokenHash {
        hash(&self.0)
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

pub(super) fn hash(secret: &str) -> TokenHash {
    TokenHash::from_bytes(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_marked_and_never_printed() {
        let secret = TokenSecret::generate().unwrap();
        assert!(secret.expose().starts_with("bw_"));
        assert_eq!(secret.expose().len(), 46);
        assert!(secret.expose().starts_with(secret.prefix()));
        assert_eq!(format!("{secret:?}"), "TokenSecret(…)");
    }

    #[test]
    fn two_secrets_differ() {
        let (one, two) = (
            TokenSecret::generate().unwrap(),
            TokenSecret::generate().unwrap(),
        );
        assert_ne!(one.hash(), two.hash());
    }
}
