//! Identities open files, recipients are who a file is encrypted for: an X25519 pair.

use super::header::Stanza;
use super::primitives::{Cipher, FileKey, NONCE_BYTES, derive, random};
use super::{AgeError, bech32};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use mainstay_model::Secret;
use std::fmt;
use x25519_dalek::{PublicKey, StaticSecret};

const KIND: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// Why a text is no key. The text itself may be half of one, and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("it is no age key")]
    NoKey,
    #[error("it is a recipient (`age1…`), and an identity (`AGE-SECRET-KEY-1…`) is wanted")]
    Recipient,
    #[error(
        "it is an identity (`AGE-SECRET-KEY-1…`), which is secret, and a recipient (`age1…`) is wanted"
    )]
    Identity,
    #[error("it is a key of another kind than X25519")]
    OtherKind,
}

/// Who can open a file. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient([u8; 32]);

/// The secret half.
pub struct Identity(StaticSecret);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(RECIPIENT, &self.0))
    }
}

impl std::str::FromStr for Recipient {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match decoded(text)? {
            (prefix, bytes) if prefix == RECIPIENT => Ok(Self(bytes)),
            (prefix, _) if prefix == IDENTITY => Err(KeyError::Identity),
            _ => Err(KeyError::OtherKind),
        }
    }
}

impl std::str::FromStr for Identity {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match decoded(text)? {
            (prefix, bytes) if prefix == IDENTITY => Ok(Self(StaticSecret::from(bytes))),
            (prefix, _) if prefix == RECIPIENT => Err(KeyError::Recipient),
            _ => Err(KeyError::OtherKind),
        }
    }
}

fn decoded(text: &str) -> Result<(String, [u8; 32]), KeyError> {
    if text.starts_with("ssh-") {
        return Err(KeyError::OtherKind);
    }
    let (prefix, bytes) = bech32::decode(text).ok_or(KeyError::NoKey)?;
    let bytes = bytes.try_into().map_err(|_| KeyError::OtherKind)?;
    Ok((prefix, bytes))
}

impl Recipient {
    /// The file key, for this recipient alone.
    pub(super) fn wrap(&self, key: &FileKey) -> Result<Stanza, AgeError> {
        let ephemeral = StaticSecret::from(random()?);
        let share = PublicKey::from(&ephemeral).to_bytes();
        let shared = ephemeral.diffie_hellman(&PublicKey::from(self.0));
        if !shared.was_contributory() {
            return Err(AgeError::WeakRecipient);
        }
        let wrapping = derive(shared.as_bytes(), &[share, self.0].concat(), INFO);
        Ok(Stanza {
            arguments: vec![KIND.to_owned(), BASE64.encode(share)],
            body: Cipher::new(&wrapping)?.seal([0; NONCE_BYTES], &key.0)?,
        })
    }
}

impl Identity {
    pub fn generate() -> Result<Self, AgeError> {
        Ok(Self(StaticSecret::from(random()?)))
    }

    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0).to_bytes())
    }

    /// As `age-keygen` writes it.
    pub fn secret_text(&self) -> Secret<String> {
        Secret::new(bech32::encode(IDENTITY, self.0.as_bytes()).to_ascii_uppercase())
    }

    /// The file key, where the stanza is for this identity.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, AgeError> {
        if stanza.kind() != KIND {
            return Ok(None);
        }
        let wrong = AgeError::Format("a stanza for X25519 has not its shape");
        let [_, share] = stanza.arguments.as_slice() else {
            return Err(wrong);
        };
        let share: [u8; 32] = BASE64
            .decode(share)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| wrong.clone())?;
        if stanza.body.len() != 32 {
            return Err(wrong);
        }
        let shared = self.0.diffie_hellman(&PublicKey::from(share));
        if !shared.was_contributory() {
            return Err(wrong);
        }
        let salt = [share, self.recipient().0].concat();
        let wrapping = derive(shared.as_bytes(), &salt, INFO);
        let opened = Cipher::new(&wrapping)?.open([0; NONCE_BYTES], &stanza.body);
        // One that does not open is for somebody else.
        Ok(opened
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(FileKey))
    }
}

/// The identities of a file as `age-keygen` writes it: one a line, `#` begins a comment. The error
/// is with the number of its line.
pub fn identities(text: &str) -> Result<Vec<Identity>, (usize, KeyError)> {
    keys(text)
}

/// The recipients of a file, of the same form.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, (usize, KeyError)> {
    keys(text)
}

fn keys<K: std::str::FromStr<Err = KeyError>>(text: &str) -> Result<Vec<K>, (usize, KeyError)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| line.parse().map_err(|error| (number, error)))
        .collect()
}
