//! Who runs the installation.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The fewest characters of an operator's token: what is shorter can be guessed.
const SHORTEST: usize = 32;

/// The token that opens what is for operators alone. Only its hash is held.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

/// A token that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token for operators must have at least {SHORTEST} characters, and no spaces")]
pub struct WeakToken;

impl AdminToken {
    /// The token of this text.
    ///
    /// # Errors
    ///
    /// [`WeakToken`] if it is too short, or could not be sent in a header.
    pub fn parse(text: &str) -> Result<Self, WeakToken> {
        if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakToken);
        }
        Ok(Self(hash(text)))
    }

    /// Whether this is the token. Takes as long for a wrong one as for the right one.
    pub fn admits(&self, given: &str) -> bool {
        self.0.ct_eq(&hash(given)).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_right_token_alone_is_let_in() {
        let token = AdminToken::parse(TEXT).unwrap();
        assert!(token.admits(TEXT));
        for wrong in ["", "0123456789abcdef0123456789abcdeF", &TEXT[1..]] {
            assert!(!token.admits(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_token_that_is_easily_guessed_or_can_not_be_sent_is_refused_without_being_shown() {
        for weak in [&TEXT[1..], &TEXT.replace('a', " "), &TEXT.replace('a', "é")] {
            let refusal = AdminToken::parse(weak).unwrap_err().to_string();
            assert!(refusal.contains("at least 32 characters"), "{refusal}");
            assert!(!refusal.contains(weak), "{refusal}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        let token = AdminToken::parse(TEXT).unwrap();
        assert_eq!(format!("{token:?}"), "AdminToken(…)");
    }
}
