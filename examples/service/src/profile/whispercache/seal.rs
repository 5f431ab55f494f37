//! Memories at rest: sealed with AES-256-GCM where `ENCRYPTION_KEY` is given, plain where not.
//!
//! The nonce stands before the text; owner and id are authenticated with it, so that a row cannot
//! be passed off as another one.

use crate::account::{NoRandom, random};
use crate::settings::EncryptionKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Why content cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error("sealed under another ENCRYPTION_KEY, or changed since")]
    Unreadable,
    #[error("sealed, and no ENCRYPTION_KEY is given")]
    NoKey,
}

pub(crate) fn seal(key: &EncryptionKey, about: &str, content: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut text = content.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(about),
            &mut text,
        )
        .map_err(|_| SealError::Unreadable)?;
    Ok([&nonce[..], &text].concat())
}

pub(crate) fn open(key: &EncryptionKey, about: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, text) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealError::Unreadable)?;
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = cipher(key)?
        .open_in_place(nonce, Aad::from(about), &mut text)
        .map_err(|_| SealError::Unreadable)?;
    Ok(opened.to_vec())
}

fn cipher(key: &EncryptionKey) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM, &key.0).map_err(|_| SealError::Unreadable)?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_place_open_it() {
        let (key, other) = (EncryptionKey([1; 32]), EncryptionKey([2; 32]));
        let sealed = seal(&key, "ann/1", b"the sea").unwrap();
        assert!(!sealed.windows(3).any(|window| window == b"sea"));
        assert_eq!(open(&key, "ann/1", &sealed).unwrap(), b"the sea");
        assert!(open(&other, "ann/1", &sealed).is_err());
        assert!(open(&key, "ann/2", &sealed).is_err());
        assert!(open(&key, "ann/1", &sealed[1..]).is_err());
        assert!(open(&key, "ann/1", b"").is_err());
    }
}
