//! What the format is made of: HKDF-SHA-256, HMAC-SHA-256, ChaCha20-Poly1305, random bytes.

use super::AgeError;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

pub(super) const KEY_BYTES: usize = 32;
pub(super) const TAG_BYTES: usize = 16;
pub(super) const NONCE_BYTES: usize = 12;

/// The 16 bytes from which all keys of one file are derived.
pub(super) struct FileKey(pub(super) [u8; 16]);

impl FileKey {
    pub(super) fn random() -> Result<Self, AgeError> {
        random().map(Self)
    }

    /// HMAC of the header under the key that is for it.
    pub(super) fn mac(&self, header: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&self.0, &[], b"header"));
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&key, header).as_ref());
        mac
    }

    pub(super) fn verify(&self, header: &[u8], mac: &[u8]) -> Result<(), AgeError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&self.0, &[], b"header"));
        hmac::verify(&key, header, mac).map_err(|_| AgeError::Changed)
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], AgeError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| AgeError::NoRandom)?;
    Ok(bytes)
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes.
pub(super) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; KEY_BYTES] {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            KEY_BYTES
        }
    }
    let mut key = [0; KEY_BYTES];
    let info = [info];
    let expanded = Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&info, Length)
        .and_then(|okm| okm.fill(&mut key));
    // It fails for lengths that are longer than 255 hashes alone.
    debug_assert!(expanded.is_ok());
    key
}

/// ChaCha20-Poly1305 (RFC 8439) without associated data.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, AgeError> {
        UnboundKey::new(&CHACHA20_POLY1305, key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| AgeError::Changed)
    }

    pub(super) fn seal(&self, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Result<Vec<u8>, AgeError> {
        let mut bytes = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
            .map_err(|_| AgeError::TooLarge)?;
        Ok(bytes)
    }

    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        sealed: &[u8],
    ) -> Result<Vec<u8>, AgeError> {
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self
            .0
            .open_in_place(nonce, Aad::empty(), &mut bytes)
            .map_err(|_| AgeError::Changed)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}
