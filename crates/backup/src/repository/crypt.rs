//! Restic's cipher, for what is read and written past rustic: blobs of a restore, the tree of a stream.
//!
//! AES-256 in counter mode with Poly1305-AES, a random nonce of 16 bytes before, a tag of 16 bytes behind
//! (restic's design document, *Keys, Encryption and MAC*).

use crate::{Failure, FailureKind};
use aes256ctr_poly1305aes::aead::Aead as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustic_core::repofile::MasterKey;
use std::fmt::Write as _;
use std::io::Read as _;

const NONCE: usize = 16;

/// Before the content of an index or snapshot that is compressed.
const COMPRESSED: u8 = 2;

/// No file but a pack grows beyond this, unpacked, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Of the repository.
#[derive(Clone)]
pub(crate) struct Crypt(Aes256CtrPoly1305Aes);

impl std::fmt::Debug for Crypt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Crypt(…)")
    }
}

impl Crypt {
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        let parts = [&master.encrypt, &master.mac.k, &master.mac.r];
        if parts.map(Vec::len) != [32, 16, 16] {
            return None;
        }
        let key = parts.map(Vec::as_slice).concat();
        Some(Self(Aes256CtrPoly1305Aes::new(Key::from_slice(&key))))
    }

    /// What was sealed; `None` where it was not written so with this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE)?;
        self.0.decrypt(Nonce::from_slice(nonce), rest).ok()
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let fail = || Failure::new(FailureKind::Other, "encryption failed");
        let mut nonce = [0; NONCE];
        SystemRandom::new().fill(&mut nonce).map_err(|_| fail())?;
        let sealed = self.0.encrypt(Nonce::from_slice(&nonce), plain);
        Ok([&nonce[..], &sealed.map_err(|_| fail())?].concat())
    }

    /// A blob: sealed, and packed where its length unpacked is known.
    pub(crate) fn blob(&self, sealed: &[u8], unpacked: Option<u32>) -> Option<Vec<u8>> {
        let plain = self.open(sealed)?;
        match unpacked {
            None => Some(plain),
            Some(length) => {
                let blob = zstd::bulk::decompress(&plain, length as usize).ok()?;
                (blob.len() == length as usize).then_some(blob)
            }
        }
    }

    /// An index, a snapshot, the configuration: JSON, packed or not.
    pub(crate) fn file(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let plain = self.open(sealed)?;
        match plain.split_first() {
            Some((&COMPRESSED, packed)) => {
                let mut json = Vec::new();
                let unpacked = zstd::stream::read::Decoder::new(packed).ok()?;
                unpacked.take(MAX_FILE).read_to_end(&mut json).ok()?;
                Some(json)
            }
            _ => Some(plain),
        }
    }

    /// The other way.
    pub(crate) fn seal_file(&self, json: &[u8]) -> Result<Vec<u8>, Failure> {
        self.seal(&[&[COMPRESSED], &pack(json)?[..]].concat())
    }
}

pub(crate) fn pack(plain: &[u8]) -> Result<Vec<u8>, Failure> {
    zstd::bulk::compress(plain, 0)
        .map_err(|error| Failure::new(FailureKind::Other, format!("compression failed: {error}")))
}

/// SHA-256 as restic names things by it: 64 hexadecimal digits.
pub(crate) fn name_of<'a>(content: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for piece in content {
        hash.update(piece);
    }
    hex(hash.finish().as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_else() {
        let crypt = Crypt::new(&MasterKey::new()).unwrap();
        let sealed = crypt.seal_file(b"{}").unwrap();
        assert_eq!(crypt.file(&sealed).unwrap(), b"{}");
        let mut wrong = sealed.clone();
        wrong[20] ^= 1;
        assert_eq!(crypt.file(&wrong), None);
        assert_eq!(crypt.open(&sealed[..10]), None);
        let other = Crypt::new(&MasterKey::new()).unwrap();
        assert_eq!(other.open(&sealed), None);
    }
}
