//! The age file format, version 1, for X25519 recipients.
//!
//! Source: the specification at c2sp.org/age (header, X25519 stanza, STREAM payload, ASCII armor)
//! and BIP 173 for keys. What is written here `age` and `rage` read, and the other way round; a
//! test tries both directions against `age`. The primitives are ring's and x25519-dalek's; why not
//! a crate for the whole is in `docs/decisions/0016-secrets.md`.
//!
//! Deliberately not here: passphrases, SSH keys, plugins, post-quantum recipients, and streaming —
//! the files are small, and nothing of a plaintext leaves before all of it was authenticated.

mod armor;
mod bech32;
mod header;
mod keys;
mod payload;
mod primitives;

pub use keys::{Identity, KeyError, Recipient, identities, recipients};

use mainstay_model::Secret;
use primitives::FileKey;

/// Larger files are refused unread.
pub const LIMIT_FILE_BYTES: usize = 4 << 20;

/// Why a file does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    #[error("it is no age file: {0}")]
    Format(&'static str),
    #[error("it is encrypted with a passphrase, which is not supported")]
    Passphrase,
    #[error("none of your identities can open it; it is encrypted for {0} others")]
    NotForUs(usize),
    #[error("it was changed after it was encrypted, or is cut off")]
    Changed,
    #[error("it has more than {LIMIT_FILE_BYTES} bytes")]
    TooLarge,
    #[error("there is no recipient to encrypt it for")]
    NoRecipient,
    #[error("a key of a recipient is of a kind that gives no secret")]
    WeakRecipient,
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// An armored file that each of `recipients` can open.
pub fn encrypt(recipients: &[Recipient], plain: &[u8]) -> Result<String, AgeError> {
    if recipients.is_empty() {
        return Err(AgeError::NoRecipient);
    }
    let key = FileKey::random()?;
    let stanzas = recipients
        .iter()
        .map(|recipient| recipient.wrap(&key))
        .collect::<Result<Vec<_>, _>>()?;
    let mut file = header::write(&stanzas, &key);
    file.extend(payload::seal(&key, plain)?);
    Ok(armor::write(&file))
}

/// What stands in a file, armored or not.
pub fn decrypt(identities: &[Identity], file: &[u8]) -> Result<Secret<Vec<u8>>, AgeError> {
    if file.len() > LIMIT_FILE_BYTES {
        return Err(AgeError::TooLarge);
    }
    let file = armor::read(file)?;
    let (header, payload) = header::read(&file)?;
    if header
        .stanzas
        .iter()
        .any(|stanza| stanza.kind() == "scrypt")
    {
        return Err(AgeError::Passphrase);
    }
    let mut key = None;
    for (identity, stanza) in identities
        .iter()
        .flat_map(|identity| header.stanzas.iter().map(move |stanza| (identity, stanza)))
    {
        key = identity.unwrap(stanza)?;
        if key.is_some() {
            break;
        }
    }
    let key = key.ok_or(AgeError::NotForUs(header.stanzas.len()))?;
    header.verify(&key)?;
    payload::open(&key, payload).map(Secret::new)
}

#[cfg(test)]
mod tests;
