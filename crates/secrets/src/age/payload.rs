//! The payload: a nonce, then STREAM — chunks of 64 KiB, each sealed under its number and whether it
//! is the last.

use super::AgeError;
use super::primitives::{Cipher, FileKey, NONCE_BYTES, TAG_BYTES, derive, random};

const CHUNK: usize = 64 * 1024;
const PAYLOAD_NONCE: usize = 16;

pub(super) fn seal(key: &FileKey, plain: &[u8]) -> Result<Vec<u8>, AgeError> {
    let nonce: [u8; PAYLOAD_NONCE] = random()?;
    let cipher = Cipher::new(&derive(&key.0, &nonce, b"payload"))?;
    let mut payload = nonce.to_vec();
    // Nothing is one empty chunk.
    let mut chunks: Vec<&[u8]> = plain.chunks(CHUNK).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let last = chunks.len() - 1;
    for (number, chunk) in chunks.into_iter().enumerate() {
        payload.extend(cipher.seal(chunk_nonce(number, number == last), chunk)?);
    }
    Ok(payload)
}

pub(super) fn open(key: &FileKey, payload: &[u8]) -> Result<Vec<u8>, AgeError> {
    let (nonce, sealed) = payload
        .split_at_checked(PAYLOAD_NONCE)
        .ok_or(AgeError::Changed)?;
    let cipher = Cipher::new(&derive(&key.0, nonce, b"payload"))?;
    let chunks: Vec<&[u8]> = sealed.chunks(CHUNK + TAG_BYTES).collect();
    let last = chunks.len().checked_sub(1).ok_or(AgeError::Changed)?;
    let mut plain = Vec::with_capacity(sealed.len());
    for (number, chunk) in chunks.into_iter().enumerate() {
        let opened = cipher.open(chunk_nonce(number, number == last), chunk)?;
        // Only nothing at all may be an empty chunk.
        if opened.is_empty() && last > 0 {
            return Err(AgeError::Changed);
        }
        plain.extend(opened);
    }
    Ok(plain)
}

/// 11 bytes of counter, big-endian, then 1 for the last one.
fn chunk_nonce(number: usize, last: bool) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}
