//! Passwords with Argon2id.

use std::num::NonZeroUsize;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use async_trait::async_trait;
use domain::curators::{Password, PasswordHash, PasswordHasher};
use domain::store::BoxError;
use tokio::sync::Semaphore;

/// The parameters that OWASP recommends: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes and checks passwords with Argon2id, on threads of their own and a few at a time, so that
/// many sign-ins at once neither stop other requests nor use all memory.
pub struct Argon2Passwords {
    permits: Arc<Semaphore>,
}

impl Argon2Passwords {
    /// At most `at_once` passwords at a time; the others wait.
    pub fn new(at_once: NonZeroUsize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once.get())),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await?;
        // The permit goes along: a caller that gives up doesn't end the work, so another may not
        // start in its place yet.
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await?
    }
}

#[async_trait]
impl PasswordHasher for Argon2Passwords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BoxError> {
        self.run(move || hash(&password)).await
    }

    async fn verify(
        &self,
        password: Password,
        hash_of_curator: Option<PasswordHash>,
    ) -> Result<bool, BoxError> {
        self.run(move || match hash_of_curator {
            Some(kept) => verify(&password, &kept),
            // Hashing costs what verifying costs, and there is nothing to compare with.
            None => hash(&password).map(|_| false),
        })
        .await
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        is_current(hash)
    }
}

/// Whether a hash costs at least as much to guess as one made today.
fn is_current(kept: &PasswordHash) -> bool {
    let Ok(kept) = phc::PasswordHash::new(kept.as_str()) else {
        return false;
    };
    let Ok(params) = Params::try_from(&kept) else {
        return false;
    };
    kept.algorithm == Algorithm::Argon2id.ident()
        && kept.version == Some(Version::V0x13.into())
        && params.m_cost() >= MEMORY_KIB
        && params.t_cost() >= PASSES
        && params.p_cost() >= LANES
}

fn hash(password: &Password) -> Result<PasswordHash, BoxError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: phc::PasswordHash = hasher.hash_password(password.expose().as_bytes())?;
    Ok(PasswordHash::from_phc(hash.to_string()))
}

fn verify(password: &Password, kept: &PasswordHash) -> Result<bool, BoxError> {
    // The parameters are those of the hash, so that hashes with older ones go on working.
    let kept = phc::PasswordHash::new(kept.as_str())?;
    match Argon2::default().verify_password(password.expose().as_bytes(), &kept) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).unwrap()
    }

    /// A hash with other parameters than today's.
    fn hash_with(algorithm: Algorithm, memory: u32, passes: u32) -> PasswordHash {
        let params = Params::new(memory, passes, LANES, None).unwrap();
        let hasher = Argon2::new(algorithm, Version::V0x13, params);
        let hash: phc::PasswordHash = hasher.hash_password(b"correct horse").unwrap();
        PasswordHash::from_phc(hash.to_string())
    }

    #[test]
    fn a_hash_is_current_if_it_costs_as_much_as_one_made_today() {
        assert!(is_current(&hash(&password("correct horse")).unwrap()));
        let stronger = hash_with(Algorithm::Argon2id, MEMORY_KIB + 1024, PASSES + 1);
        assert!(is_current(&stronger));
        for weaker in [
            hash_with(Algorithm::Argon2id, MEMORY_KIB - 1024, PASSES),
            hash_with(Algorithm::Argon2id, MEMORY_KIB, PASSES - 1),
            hash_with(Algorithm::Argon2i, MEMORY_KIB, PASSES),
        ] {
            assert!(!is_current(&weaker), "{}", weaker.as_str());
            let is_right = verify(&password("correct horse"), &weaker).unwrap();
            assert!(is_right, "it goes on working: {}", weaker.as_str());
        }
        assert!(!is_current(&PasswordHash::from_phc(
            "not a hash".to_owned()
        )));
    }

    #[tokio::test]
    async fn only_the_right_password_opens_and_no_curator_has_none() {
        let passwords = Argon2Passwords::new(NonZeroUsize::MIN);
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(
            hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.as_str()
        );
        let again = passwords.hash(password("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");

        let verify = async |text, hash| passwords.verify(password(text), hash).await.unwrap();
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("correct house", Some(hash)).await);
        assert!(!verify("correct horse", None).await);
        let broken = PasswordHash::from_phc("not a hash".to_owned());
        assert!(
            passwords
                .verify(password("correct horse"), Some(broken))
                .await
                .is_err()
        );
    }
}
