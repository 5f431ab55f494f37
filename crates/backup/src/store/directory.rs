//! The files of a repository in a directory, laid out as restic lays them out.
//!
//! A file is written below `tmp/`, synced, renamed, and then its directory is synced: under its final name it is
//! there in full and for good, or not at all. What a killed writer left below `tmp/` is swept a day later.

use super::direct::Direct;
use super::{Range, Store};
use crate::{Failure, FailureKind};
use bytes::Bytes;
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What restic expects beside the 256 folders of `data`.
const FOLDERS: [&str; 5] = ["data", "index", "keys", "locks", "snapshots"];

const TEMPORARY: &str = "tmp";

/// How old an abandoned temporary file becomes: no write of one file takes as long.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Folders below each other that are listed: `data/ab/ID` needs two.
const DEPTH: usize = 4;

/// A repository in a directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Makes temporary names of this process unique.
    next: AtomicU64,
    direct: Direct,
}

impl Directory {
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            next: AtomicU64::new(0),
            direct: Direct::default(),
        }
    }

    /// Where a file lies. Names that would leave the directory are refused.
    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let whole = |part: &str| !part.is_empty() && part != "." && part != "..";
        if name.split('/').all(whole) {
            return Ok(self.root.join(name));
        }
        let message = format!("`{name}` is no name of a file in a repository");
        Err(Failure::new(FailureKind::Other, message))
    }

    fn walk(&self, folder: &Path, depth: usize, all: &mut Vec<(String, u64)>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let Ok(name) = path.strip_prefix(&self.root).map(Path::to_path_buf) else {
                continue;
            };
            let (Some(name), false) = (name.to_str(), name.starts_with(TEMPORARY)) else {
                continue;
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && depth > 0 {
                self.walk(&path, depth - 1, all)?;
            } else if kind.is_file() {
                match entry.metadata() {
                    Ok(metadata) => all.push((name.to_owned(), metadata.len())),
                    // Removed since it was listed.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn sweep(&self) {
        let entries = fs::read_dir(self.root.join(TEMPORARY))
            .into_iter()
            .flatten();
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|metadata| metadata.modified());
            let age = age.ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn put(&self, temporary: &Path, path: &Path, content: &[Bytes]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)?;
        self.direct.write(&mut file, content)?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        path.parent().map_or(Ok(()), sync)
    }
}

impl Store for Directory {
    fn create(&self) -> Result<(), Failure> {
        let fail = |error| failure(&self.root, "create", &error);
        for folder in FOLDERS.into_iter().chain([TEMPORARY]) {
            make(&self.root.join(folder)).map_err(fail)?;
        }
        for first in 0..=255_u8 {
            make(&self.root.join(format!("data/{first:02x}"))).map_err(fail)?;
        }
        sync(&self.root.join("data")).map_err(fail)?;
        sync(&self.root).map_err(fail)
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        // Only the folder that the prefix names in full is read.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = match folder {
            "" => self.root.clone(),
            folder => self.path(folder)?,
        };
        let mut all = Vec::new();
        let walked = self.walk(&folder, DEPTH, &mut all);
        walked.map_err(|error| failure(&folder, "list", &error))?;
        all.retain(|(name, _)| name.starts_with(prefix));
        Ok(all)
    }

    fn read(&self, name: &str, range: Option<Range>) -> Result<Bytes, Failure> {
        let path = self.path(name)?;
        let fail = |error: io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => short(&path),
            _ => failure(&path, "read", &error),
        };
        let mut file = File::open(&path).map_err(fail)?;
        let Some(Range { offset, length }) = range else {
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(fail)?;
            return Ok(content.into());
        };
        // Asked before room is made: a wrong length must not take all memory.
        let size = file.metadata().map_err(fail)?.len();
        if offset.saturating_add(length) > size {
            return Err(short(&path));
        }
        let mut content = vec![0; usize::try_from(length).map_err(|_| short(&path))?];
        file.read_exact_at(&mut content, offset).map_err(fail)?;
        Ok(content.into())
    }

    fn write(&self, name: &str, content: &[Bytes]) -> Result<(), Failure> {
        let path = self.path(name)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = self.root.join(TEMPORARY);
        let temporary = temporary.join(format!("{}-{number}", std::process::id()));
        if number == 0 {
            // A process with this number was killed here before.
            let _ = fs::remove_file(&temporary);
            self.sweep();
        }
        let mut put = self.put(&temporary, &path, content);
        if put
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound)
        {
            let folders = [temporary.parent(), path.parent()];
            let made = folders.into_iter().flatten().try_for_each(make);
            put = made.and_then(|()| self.put(&temporary, &path, content));
        }
        put.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            failure(&path, "write", &error)
        })
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failure(&path, "remove", &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn write_all(file: &mut File, content: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = content.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn short(path: &Path) -> Failure {
    let message = format!("{} is shorter than what was written", path.display());
    Failure::new(FailureKind::Damaged, message)
}

/// What an error of the file system means for whoever has to decide.
pub(crate) fn failure(path: &Path, verb: &str, error: &io::Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            FailureKind::Full
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Refused,
        ErrorKind::NotFound | ErrorKind::NotADirectory => FailureKind::NotFound,
        _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => FailureKind::Damaged,
        _ => FailureKind::Unreachable,
    };
    let failure = Failure::new(kind, format!("cannot {verb} {}: {error}", path.display()));
    match kind {
        FailureKind::Full => failure.hint("make room there, or shorten the retention and prune"),
        FailureKind::Refused => failure.hint("give the user of the server the right to it"),
        _ => failure,
    }
}
