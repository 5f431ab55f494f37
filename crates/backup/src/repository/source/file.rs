//! One file of a directory: opened when its turn comes, and read as long as it was when it was listed.

use super::Filled;
use super::folder::Fate;
use crate::repository::trouble::Trouble;
use crate::{Failure, FailureKind};
use rustic_core::{ErrorKind, ReadSourceOpen, RusticError, RusticResult};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Read at once from a file, in bytes.
const BUFFER: usize = 256 << 10;

/// A file that is opened when its turn comes.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(super) path: PathBuf,
    /// When it was listed, in bytes.
    pub(super) size: u64,
    pub(super) trouble: Trouble,
    pub(super) fate: Fate,
}

impl ReadSourceOpen for Opener {
    type Reader = Filled<io::BufReader<Exact>>;

    fn open(self) -> RusticResult<Self::Reader> {
        let name = self.path.display().to_string();
        let mut options = std::fs::OpenOptions::new();
        // What became a link or a pipe since it was listed is neither followed nor waited for.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let options = options.read(true).custom_flags(flags.bits().cast_signed());
        match options.open(&self.path) {
            Ok(file) => {
                let sized = Exact {
                    file,
                    left: self.size,
                };
                let room = BUFFER.min(usize::try_from(self.size).unwrap_or(BUFFER).max(1));
                let reader = io::BufReader::with_capacity(room, sized);
                Ok(Filled::new(reader, name, self.trouble))
            }
            Err(error) => {
                let message = format!("cannot open {name}: {error}");
                match error.kind() {
                    io::ErrorKind::NotFound => {
                        self.fate.vanished(&name);
                    }
                    _ => self
                        .trouble
                        .note(Failure::new(FailureKind::Source, message.clone())),
                }
                Err(RusticError::with_source(
                    ErrorKind::InputOutput,
                    message,
                    error,
                ))
            }
        }
    }
}

/// As many bytes of a file as it had when it was listed: what is appended meanwhile belongs to the next snapshot, and
/// what was cut off is a failure, because the snapshot would name a length that it does not hold.
#[derive(Debug)]
pub(crate) struct Exact {
    file: File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn opener(path: &Path, size: u64) -> (Opener, Trouble, Fate) {
        let (trouble, fate) = (Trouble::default(), Fate::default());
        let opener = Opener {
            path: path.to_path_buf(),
            size,
            trouble: trouble.clone(),
            fate: fate.clone(),
        };
        (opener, trouble, fate)
    }

    #[test]
    fn what_vanished_is_told_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (opener, trouble, fate) = opener(&dir.path().join("gone"), 5);
        assert!(opener.open().is_err(), "so that it is no file of the tree");
        assert!(trouble.check().is_ok());
        let told = fate.warnings();
        assert!(told.len() == 1 && told[0].contains("gone"), "{told:?}");
    }

    #[test]
    fn what_grew_is_read_as_long_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, b"0123456789").unwrap();
        let (opener, trouble, _) = opener(&path, 4);
        let mut content = Vec::new();
        opener.open().unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"0123");
        assert!(trouble.check().is_ok());
    }

    #[test]
    fn what_became_shorter_fails_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, b"0123").unwrap();
        let (opener, trouble, _) = opener(&path, 10);
        assert!(opener.open().unwrap().read_to_end(&mut Vec::new()).is_err());
        let failure = trouble.check().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Source);
        assert!(failure.message.contains("log"), "{failure}");
    }

    #[test]
    fn what_became_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        let (opener, trouble, _) = opener(&path, 10);
        assert!(opener.open().is_err());
        assert!(trouble.is_there());
    }
}
