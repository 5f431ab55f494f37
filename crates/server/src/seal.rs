//! The host key, and what is sealed under it.
//!
//! A release holds secret values, and a rollback must be able to restore them; so the resolved
//! stack of each release is kept as one sealed file, and everything that can be read — the
//! journal, the API — has the redacted form and a keyed fingerprint. Whoever has the host key and
//! the data directory has the secrets: sealing guards copies and backups, not a stolen host.
//!
//! File: `MAINSTAY-SEAL 1\n`, 12 bytes nonce, ciphertext with tag (ChaCha20-Poly1305, RFC 8439);
//! the name of the thing is the associated data, so that one file cannot stand in for another.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"MAINSTAY-SEAL 1\n";
const KEY_LENGTH: usize = 32;

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("host key {path}: {source}")]
    Key { path: PathBuf, source: io::Error },
    #[error("host key {path}: {problem}")]
    BadKey {
        path: PathBuf,
        problem: &'static str,
    },
    #[error("sealed file {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(
        "sealed file {path} does not open: it was changed, renamed, or sealed under another host key"
    )]
    NotOurs { path: PathBuf },
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// The key of this server, from which one key for each purpose is derived.
pub struct HostKey {
    seal: LessSafeKey,
    fingerprint: hmac::Key,
    random: SystemRandom,
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostKey(…)")
    }
}

impl HostKey {
    /// Reads the key, or makes one where there is none. A key that others can read is refused.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let random = SystemRandom::new();
        let key_error = |source| SealError::Key {
            path: path.to_owned(),
            source,
        };
        let bytes = match std::fs::File::open(path) {
            Ok(file) => read_key(path, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; KEY_LENGTH];
                random.fill(&mut key).map_err(|_| SealError::NoRandom)?;
                write_private(path, &key).map_err(key_error)?;
                key
            }
            Err(error) => return Err(key_error(error)),
        };
        let seal = UnboundKey::new(&CHACHA20_POLY1305, &derive(&bytes, b"seal"))
            .map_err(|_| SealError::NoRandom)?;
        Ok(Self {
            seal: LessSafeKey::new(seal),
            fingerprint: hmac::Key::new(hmac::HMAC_SHA256, &derive(&bytes, b"fingerprint")),
            random,
        })
    }

    /// The key of fingerprints: equal values show as equal here, and can be guessed nowhere else.
    pub fn fingerprint_key(&self) -> Vec<u8> {
        hmac::sign(&self.fingerprint, b"service").as_ref().to_vec()
    }

    /// A keyed hash, hex: tells equal from different and nothing else.
    pub fn print(&self, bytes: &[u8]) -> String {
        crate::tokens::hex(hmac::sign(&self.fingerprint, bytes).as_ref())
    }

    /// Writes `plain` to `path`, readable only under this key and under this `name`.
    pub fn seal(&self, path: &Path, name: &str, plain: &[u8]) -> Result<(), SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| SealError::NoRandom)?;
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError::NoRandom)?;
        let file = [MAGIC, &nonce, &sealed].concat();
        write_private(path, &file).map_err(|source| SealError::File {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads what [`HostKey::seal`] wrote.
    pub fn open_sealed(&self, path: &Path, name: &str) -> Result<Vec<u8>, SealError> {
        let not_ours = || SealError::NotOurs {
            path: path.to_owned(),
        };
        let file = std::fs::read(path).map_err(|source| SealError::File {
            path: path.to_owned(),
            source,
        })?;
        let body = file.strip_prefix(MAGIC).ok_or_else(not_ours)?;
        let (nonce, sealed) = body.split_at_checked(NONCE_LEN).ok_or_else(not_ours)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| not_ours())?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| not_ours())?;
        Ok(plain.to_vec())
    }
}

fn derive(key: &[u8; KEY_LENGTH], purpose: &[u8]) -> [u8; KEY_LENGTH] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut derived = [0; KEY_LENGTH];
    derived.copy_from_slice(hmac::sign(&key, purpose).as_ref());
    derived
}

fn read_key(path: &Path, mut file: std::fs::File) -> Result<[u8; KEY_LENGTH], SealError> {
    let key_error = |source| SealError::Key {
        path: path.to_owned(),
        source,
    };
    let bad = |problem| SealError::BadKey {
        path: path.to_owned(),
        problem,
    };
    let mode = file.metadata().map_err(key_error)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(bad("others can read it; run `chmod 600` on it"));
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file)
        .take(KEY_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(key_error)?;
    bytes
        .try_into()
        .map_err(|_| bad("it does not have 32 bytes; restore it from a backup"))
}

/// Whole or not at all: temporary file, fsync, rename, fsync of the directory. Mode 0600.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let temporary = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_its_key_and_name_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r1.sealed");
        let key = HostKey::open(&directory.path().join("host.key")).unwrap();
        key.seal(&path, "shop/dev/r1", b"hunter2").unwrap();

        let again = HostKey::open(&directory.path().join("host.key")).unwrap();
        assert_eq!(again.open_sealed(&path, "shop/dev/r1").unwrap(), b"hunter2");
        assert!(again.open_sealed(&path, "shop/dev/r2").is_err());
        let other = HostKey::open(&directory.path().join("other.key")).unwrap();
        assert!(other.open_sealed(&path, "shop/dev/r1").is_err());
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }

    #[test]
    fn a_changed_or_torn_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r1.sealed");
        let key = HostKey::open(&directory.path().join("host.key")).unwrap();
        key.seal(&path, "n", b"value").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(key.open_sealed(&path, "n").is_err(), "{length}");
        }
        let mut changed = whole;
        *changed.last_mut().unwrap() ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(key.open_sealed(&path, "n").is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.key");
        HostKey::open(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = HostKey::open(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
