//! Who may speak to the API over TCP.
//!
//! Over the unix socket the file's mode and the peer's credentials decide; over TCP always a
//! token, also on loopback: `exec` stands behind that port, and any web page or neighbour can
//! reach it. A token is 32 random bytes and is kept as its SHA-256 only: with that much entropy
//! a slow hash would add nothing.

use crate::api::types::{Role, Token};
use crate::versioned::{self, VersionedError};
use mainstay_model::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

const PREFIX: &str = "mst_";
const MOST: usize = 1000;

/// Why a token could not be made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("a token named `{0}` exists already")]
    Exists(String),
    #[error("no token is named `{0}`")]
    Unknown(String),
    #[error("`{0}` is not a name: use up to 63 letters, digits, `-`, `_` and `.`")]
    Name(String),
    #[error("there are {MOST} tokens already; revoke some")]
    TooMany,
    #[error("the system gives no random bytes")]
    NoRandom,
    #[error(transparent)]
    File(#[from] VersionedError),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    token: Token,
    /// Hex SHA-256 of the secret.
    hash: String,
}

/// `tokens.json`
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    tokens: Vec<Row>,
}

/// The tokens of one server, in `tokens.json` (0600).
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    rows: Mutex<Vec<Row>>,
}

impl Tokens {
    pub fn open(path: PathBuf) -> Result<Self, TokenError> {
        let kept: Kept = versioned::read(&path)?.unwrap_or_default();
        Ok(Self {
            path,
            rows: Mutex::new(kept.tokens),
        })
    }

    /// Makes a token; its secret is returned once and never kept.
    pub fn create(
        &self,
        name: &str,
        role: Role,
        by: &str,
        now: Timestamp,
    ) -> Result<(Token, String), TokenError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
            return Err(TokenError::Name(name.to_owned()));
        }
        let mut random = [0_u8; 32];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| TokenError::NoRandom)?;
        let secret = format!("{PREFIX}{}", hex(&random));
        let token = Token {
            name: name.to_owned(),
            role,
            created_at: now,
            created_by: by.to_owned(),
        };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.iter().any(|row| row.token.name == name) {
            return Err(TokenError::Exists(name.to_owned()));
        }
        if rows.len() >= MOST {
            return Err(TokenError::TooMany);
        }
        let mut next = rows.clone();
        next.push(Row {
            token: token.clone(),
            hash: hash(&secret),
        });
        self.save(&next)?;
        *rows = next;
        Ok((token, secret))
    }

    pub fn revoke(&self, name: &str) -> Result<Token, TokenError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = rows.clone();
        let index = next
            .iter()
            .position(|row| row.token.name == name)
            .ok_or_else(|| TokenError::Unknown(name.to_owned()))?;
        let revoked = next.remove(index);
        self.save(&next)?;
        *rows = next;
        Ok(revoked.token)
    }

    pub fn list(&self) -> Vec<Token> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().map(|row| row.token.clone()).collect()
    }

    /// The token that a secret belongs to. Comparing hashes of high-entropy secrets leaks nothing
    /// about a secret that timing could tell.
    pub fn authenticate(&self, secret: &str) -> Option<Token> {
        let hash = hash(secret);
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter()
            .find(|row| row.hash == hash)
            .map(|row| row.token.clone())
    }

    fn save(&self, rows: &[Row]) -> Result<(), TokenError> {
        let tokens = rows.to_vec();
        Ok(versioned::write(&self.path, &Kept { tokens })?)
    }
}

fn hash(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_until_it_is_revoked_and_is_kept_hashed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        let tokens = Tokens::open(path.clone()).unwrap();
        let (token, secret) = tokens
            .create("ci", Role::Operator, "uid 0", Timestamp::from_millis(0))
            .unwrap();
        assert_eq!(tokens.authenticate(&secret), Some(token));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));

        let again = Tokens::open(path).unwrap();
        assert!(again.authenticate(&secret).is_some());
        assert!(again.authenticate("mst_wrong").is_none());
        again.revoke("ci").unwrap();
        assert!(again.authenticate(&secret).is_none());
    }

    #[test]
    fn a_name_is_taken_once() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(directory.path().join("tokens.json")).unwrap();
        let now = Timestamp::from_millis(0);
        tokens.create("ci", Role::Viewer, "me", now).unwrap();
        assert!(matches!(
            tokens.create("ci", Role::Admin, "me", now),
            Err(TokenError::Exists(_))
        ));
        assert!(matches!(
            tokens.create("a b", Role::Admin, "me", now),
            Err(TokenError::Name(_))
        ));
    }
}
