//! The artifact store: what builds produced, kept by content.
//!
//! A release names the SHA-256 of its artifact, so that a rollback runs exactly what ran before.
//! A file is whole and on disk before it has its name; putting the same content twice keeps one.

use ring::digest::{Context, SHA256};
use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const BUFFER: usize = 64 << 10;

/// Files that are being written; what a crash left of them is removed on opening.
const TEMPORARY: &str = ".new-";

/// A directory of executable files named by their SHA-256, in lower-case hexadecimal.
#[derive(Debug)]
pub struct ArtifactStore {
    directory: PathBuf,
    next: AtomicU64,
}

impl ArtifactStore {
    /// Makes the directory (0755: instances may run as another user) where it is missing.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&directory)?;
        for entry in std::fs::read_dir(&directory)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(Self {
            directory,
            next: AtomicU64::new(0),
        })
    }

    /// Takes in all of `reader`; its SHA-256. Blocking.
    pub fn put(&self, mut reader: impl Read) -> io::Result<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let new = self
            .directory
            .join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        let result = self.write(&new, &mut reader);
        if result.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        result
    }

    fn write(&self, new: &Path, reader: &mut impl Read) -> io::Result<String> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(new)?;
        let mut hash = Context::new(&SHA256);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&buffer[..count]);
            file.write_all(&buffer[..count])?;
        }
        file.set_permissions(Permissions::from_mode(0o755))?;
        file.sync_all()?;
        // Closed before it is run: a file that somebody writes to cannot be executed.
        drop(file);
        let name = hex(hash.finish().as_ref());
        std::fs::rename(new, self.directory.join(&name))?;
        File::open(&self.directory)?.sync_all()?;
        Ok(name)
    }

    /// Where the artifact lies, if it is there.
    pub fn path(&self, sha256: &str) -> Option<PathBuf> {
        is_name(sha256)
            .then(|| self.directory.join(sha256))
            .filter(|path| path.is_file())
    }

    pub fn has(&self, sha256: &str) -> bool {
        self.path(sha256).is_some()
    }

    /// Whether it is there; if so it counts as put in now, and [`ArtifactStore::remove_unused`]
    /// leaves it to whoever asked.
    pub fn renew(&self, sha256: &str) -> bool {
        let Some(path) = self.path(sha256) else {
            return false;
        };
        let touched = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
        touched.is_ok()
    }

    /// Removes every artifact that is not in `used` and was put in or renewed longer than `unasked`
    /// ago; how many there were. One that still runs goes on running: the file has no name any
    /// more, and its content goes with the process.
    pub fn remove_unused(&self, used: &HashSet<String>, unasked: Duration) -> io::Result<usize> {
        let mut removed = 0;
        let now = SystemTime::now();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let age = now.duration_since(entry.metadata()?.modified()?);
            let old = age.is_ok_and(|age| age >= unasked);
            if is_name(&name) && old && !used.contains(&name) {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// 64 digits and nothing else: a name can never lead out of the directory.
fn is_name(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn files(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn content_is_kept_once_under_its_hash_and_can_be_run() {
        let directory = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(directory.path()).unwrap();
        assert_eq!(store.put(&b"abc"[..]).unwrap(), ABC);
        assert_eq!(store.put(&b"abc"[..]).unwrap(), ABC);
        assert_eq!(files(directory.path()), [ABC]);
        let path = store.path(ABC).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_reader_that_fails_leaves_nothing() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(directory.path()).unwrap();
        assert!(store.put(io::Read::chain(&b"abc"[..], Broken)).is_err());
        assert!(files(directory.path()).is_empty());
    }

    #[test]
    fn what_is_unused_or_half_written_goes_and_strangers_stay() {
        let directory = tempfile::tempdir().unwrap();
        let half = directory.path().join(format!("{TEMPORARY}1-1"));
        std::fs::write(&half, "half").unwrap();
        std::fs::write(directory.path().join("README"), "not ours").unwrap();
        let store = ArtifactStore::open(directory.path()).unwrap();
        assert!(!half.exists());
        let other = store.put(&b"other"[..]).unwrap();
        store.put(&b"abc"[..]).unwrap();
        let used = HashSet::from([other.clone()]);
        let hour = Duration::from_secs(3600);
        assert_eq!(store.remove_unused(&used, hour).unwrap(), 0, "just put in");
        let aged = File::open(store.path(ABC).unwrap()).unwrap();
        aged.set_modified(SystemTime::now() - hour * 2).unwrap();
        assert!(store.renew(ABC) && !store.renew(&"0".repeat(64)));
        assert_eq!(
            store.remove_unused(&used, hour).unwrap(),
            0,
            "asked for again"
        );
        aged.set_modified(SystemTime::now() - hour * 2).unwrap();
        assert_eq!(store.remove_unused(&used, hour).unwrap(), 1);
        assert!(!store.has(ABC) && store.has(&other));
        assert!(files(directory.path()).contains(&"README".to_owned()));
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let store = ArtifactStore::open(directory.path()).unwrap();
        for name in [
            "",
            "../../etc/passwd",
            &ABC.to_uppercase(),
            &format!("{ABC}0"),
        ] {
            assert!(!store.has(name), "{name}");
        }
    }
}
