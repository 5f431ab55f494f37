//! Passwords, tokens, and who a request comes from.
//!
//! Passwords are kept as PBKDF2-HMAC-SHA256 with 600,000 rounds (OWASP, 2023): constant memory,
//! which a service of a few megabytes wants, from a crate that is linked anyway. Tokens are 256
//! random bits, kept as their SHA-256: whoever reads the database cannot log in with it.

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, pbkdf2};
use std::fmt::Write;
use std::num::NonZeroU32;

/// Written into each hash, so that it can be raised.
const ROUNDS: u32 = 600_000;

/// Above this a hash in the database is not ours: checking it would take for ever.
const MAX_ROUNDS: u32 = 10_000_000;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const TOKEN_BYTES: usize = 32;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) admin: bool,
}

impl Caller {
    /// Where nobody has to log in.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: "anonymous".to_owned(),
            admin: false,
        }
    }

    pub(crate) fn may_see(&self, owner: &str) -> bool {
        self.admin || self.name == owner
    }
}

/// No random bytes to be had: the system is broken.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub(crate) struct NoRandom;

/// `pbkdf2-sha256$ROUNDS$SALT$HASH`, in hex. Slow on purpose: not for an async thread.
pub(crate) fn hash_password(password: &str) -> Result<String, NoRandom> {
    let salt: [u8; SALT_BYTES] = random()?;
    let hash = derive(password, &salt, ROUNDS);
    Ok(format!(
        "pbkdf2-sha256${ROUNDS}${}${}",
        hex(&salt),
        hex(&hash)
    ))
}

/// Whether the password is the one. Slow on purpose, and as slow without a hash to compare with:
/// how long it takes must not say whether there is such a user.
pub(crate) fn verify_password(password: &str, stored: Option<&str>) -> bool {
    let Some((rounds, salt, hash)) = stored.and_then(parse) else {
        derive(password, &[0; SALT_BYTES], ROUNDS);
        return false;
    };
    let Some(rounds) = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MAX_ROUNDS) else {
        return false;
    };
    pbkdf2::verify(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        &salt,
        password.as_bytes(),
        &hash,
    )
    .is_ok()
}

fn parse(stored: &str) -> Option<(u32, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.strip_prefix("pbkdf2-sha256$")?.split('$');
    let rounds = parts.next()?.parse().ok()?;
    Some((rounds, unhex(parts.next()?)?, unhex(parts.next()?)?))
}

fn derive(password: &str, salt: &[u8], rounds: u32) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        salt,
        password.as_bytes(),
        &mut hash,
    );
    hash
}

/// A token for a new session.
pub(crate) fn new_token() -> Result<String, NoRandom> {
    Ok(hex(&random::<TOKEN_BYTES>()?))
}

/// Under what a token is kept.
pub(crate) fn token_hash(token: &str) -> String {
    hex(digest::digest(&digest::SHA256, token.as_bytes()).as_ref())
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_accepted() {
        let hash = hash_password("correct horse").unwrap();
        assert!(!hash.contains("correct"));
        assert!(verify_password("correct horse", Some(&hash)));
        assert!(!verify_password("correct horsf", Some(&hash)));
        assert!(!verify_password("", Some(&hash)));
        assert!(!verify_password("correct horse", None));
    }

    #[test]
    fn a_broken_hash_lets_nobody_in() {
        for hash in [
            "",
            "plain",
            "pbkdf2-sha256$0$00$00",
            "pbkdf2-sha256$4294967295$00$00",
            "pbkdf2-sha256$1$0$é0",
        ] {
            assert!(!verify_password("", Some(hash)), "{hash}");
        }
    }

    #[test]
    fn tokens_differ_and_are_not_kept_as_they_are() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 2 * TOKEN_BYTES);
        assert_ne!(token_hash(&one), one);
        assert_eq!(token_hash(&one), token_hash(&one));
    }
}
