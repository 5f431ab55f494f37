//! What is read to be saved, so that nothing that fails on the way goes unnoticed.
//!
//! rustic warns and goes on where a file cannot be read, and cuts a file short where a read fails. Here every
//! failure is kept in [`Trouble`], and the job asks at its end. And every read fills the buffer it was given: rustic's
//! chunker works in steps of a short read for ever after it.

use super::trouble::Trouble;
use crate::{Failure, FailureKind, Tree};
use parking_lot::Mutex;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{
    ErrorKind, Excludes, LocalSource, LocalSourceFilterOptions, LocalSourceSaveOptions, ReadSource,
    ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult,
};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Read at once from a file, in bytes.
const BUFFER: usize = 256 << 10;

/// Warnings that are kept; more are only counted.
const MAX_WARNINGS: usize = 1000;

/// A reader whose failures are kept, and which fills what it is given.
#[derive(Debug)]
pub(crate) struct Filled<R> {
    inner: R,
    name: String,
    trouble: Trouble,
}

impl<R: Read> Filled<R> {
    pub(crate) fn new(inner: R, name: String, trouble: Trouble) -> Self {
        Self {
            inner,
            name,
            trouble,
        }
    }
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_there() {
            return Err(io::Error::other("the job has failed already"));
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("cannot read {} to its end: {error}", self.name);
                    self.trouble
                        .note(Failure::new(FailureKind::Source, message));
                    return Err(error);
                }
            }
        }
        Ok(filled)
    }
}

/// One file, from a stream.
pub(crate) struct Stream<R> {
    path: PathBuf,
    reader: Mutex<Option<R>>,
    /// How its preliminary node is found again: its inode.
    mark: u64,
}

impl<R> Stream<R> {
    pub(crate) fn new(path: PathBuf, reader: R, mark: u64) -> Self {
        Self {
            path,
            reader: Mutex::new(Some(reader)),
            mark,
        }
    }
}

impl<R: Read + Send + 'static> ReadSource for Stream<R> {
    type Open = R;
    type Iter = std::option::IntoIter<RusticResult<ReadSourceEntry<R>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let reader = self.reader.lock().take();
        let entry = reader.map(|reader| {
            let meta = Metadata {
                inode: self.mark,
                // As a hint for buffers: not known, so large.
                size: u64::MAX,
                ..Metadata::default()
            };
            let name = self.path.file_name().unwrap_or_default();
            Ok(ReadSourceEntry {
                path: self.path.clone(),
                node: Node::new_node(name, NodeType::File, meta),
                open: Some(reader),
            })
        });
        entry.into_iter()
    }
}

/// A directory, as it is found under another path in the snapshot.
#[derive(Debug)]
pub(crate) struct Folder {
    inner: LocalSource,
    root: PathBuf,
    path: PathBuf,
    trouble: Trouble,
    warnings: Warnings,
}

/// What vanished while it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<(Vec<String>, usize)>>);

impl Warnings {
    fn add(&self, warning: String) {
        let mut inner = self.0.lock();
        if inner.0.len() < MAX_WARNINGS {
            inner.0.push(warning);
        } else {
            inner.1 += 1;
        }
    }

    pub(crate) fn take(&self) -> Vec<String> {
        let (mut all, more) = std::mem::take(&mut *self.0.lock());
        if more > 0 {
            all.push(format!("and {more} more"));
        }
        all
    }
}

impl Folder {
    pub(crate) fn new(tree: &Tree, path: PathBuf, trouble: Trouble) -> Result<Self, Failure> {
        let fail = |error: &dyn std::fmt::Display| {
            let root = tree.root.display();
            Failure::new(FailureKind::Source, format!("cannot save {root}: {error}"))
        };
        // What is not there is not saved as an empty directory.
        std::fs::read_dir(&tree.root).map_err(|error| fail(&error))?;
        let mut excludes = Excludes::default();
        let globs = tree.exclude.iter();
        excludes.globs = globs.map(|glob| exclusion(&tree.root, glob)).collect();
        let inner = LocalSource::new(
            LocalSourceSaveOptions::default(),
            &excludes,
            &LocalSourceFilterOptions::default(),
            &[&tree.root],
        );
        Ok(Self {
            inner: inner.map_err(|error| fail(&error.display_log()))?,
            root: tree.root.clone(),
            path,
            trouble,
            warnings: Warnings::default(),
        })
    }

    pub(crate) fn warnings(&self) -> Warnings {
        self.warnings.clone()
    }

    /// The directory itself, with its owner and mode; `None` at the root of a snapshot, which has none.
    fn root_entry(&self) -> Option<RusticResult<ReadSourceEntry<Opener>>> {
        let name = self.path.file_name()?;
        let metadata = match std::fs::metadata(&self.root) {
            Ok(metadata) => metadata,
            Err(error) => {
                let message = format!("cannot read {}: {error}", self.root.display());
                self.trouble
                    .note(Failure::new(FailureKind::Source, message));
                return None;
            }
        };
        let time = metadata
            .modified()
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok());
        let meta = Metadata {
            mode: Some(GO_DIRECTORY | metadata.mode() & 0o777),
            mtime: time,
            atime: time,
            uid: Some(metadata.uid()),
            gid: Some(metadata.gid()),
            ..Metadata::default()
        };
        Some(Ok(ReadSourceEntry {
            path: self.path.clone(),
            node: Node::new_node(name, NodeType::Dir, meta),
            open: None,
        }))
    }
}

/// A glob of `.gitignore` as the walk wants it: one with a slash before its end counts from the root.
fn exclusion(root: &Path, glob: &str) -> String {
    let inner = glob.trim_end_matches('/');
    if !inner.contains('/') || inner.starts_with("**/") {
        return format!("!{glob}");
    }
    let mut whole = String::from("!");
    for c in root.to_string_lossy().trim_end_matches('/').chars() {
        if "*?[]{}!\\".contains(c) {
            whole.push('\\');
        }
        whole.push(c);
    }
    whole.push('/');
    whole.push_str(glob.trim_start_matches('/'));
    whole
}

/// How Go, and so restic, marks a directory in a mode.
pub(crate) const GO_DIRECTORY: u32 = 1 << 31;

impl ReadSource for Folder {
    type Open = Opener;
    type Iter = Walk;

    fn size(&self) -> RusticResult<Option<u64>> {
        self.inner.size()
    }

    fn entries(&self) -> Self::Iter {
        Walk {
            first: self.root_entry(),
            inner: self.inner.entries(),
            root: self.root.clone(),
            path: self.path.clone(),
            trouble: self.trouble.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

/// The files of a [`Folder`], directories before what they hold, by name.
pub(crate) struct Walk {
    first: Option<RusticResult<ReadSourceEntry<Opener>>>,
    inner: <LocalSource as ReadSource>::Iter,
    root: PathBuf,
    path: PathBuf,
    trouble: Trouble,
    warnings: Warnings,
}

impl Iterator for Walk {
    type Item = RusticResult<ReadSourceEntry<Opener>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            if self.trouble.is_there() {
                return None;
            }
            let entry = match self.inner.next()? {
                Ok(entry) => entry,
                Err(error) => {
                    self.failed(&error);
                    continue;
                }
            };
            let below = entry.path.strip_prefix(&self.root).unwrap_or(Path::new(""));
            let opener = Opener {
                path: entry.path.clone(),
                size: entry.node.meta.size,
                trouble: self.trouble.clone(),
                warnings: self.warnings.clone(),
            };
            return Some(Ok(ReadSourceEntry {
                path: self.path.join(below),
                open: entry.node.is_file().then_some(opener),
                node: entry.node,
            }));
        }
    }
}

impl Walk {
    fn failed(&self, error: &RusticError) {
        let said = error.display_log();
        let vanished = said.contains("(os error 2)");
        let said = said.split("caused by: ").nth(1).unwrap_or(&said).to_owned();
        if vanished {
            let warning = format!("vanished while it was read: {said}");
            return self.warnings.add(warning);
        }
        let message = format!("cannot read {}: {said}", self.root.display());
        self.trouble
            .note(Failure::new(FailureKind::Source, message));
    }
}

/// A file that is opened when its turn comes.
#[derive(Debug)]
pub(crate) struct Opener {
    path: PathBuf,
    /// When it was listed, in bytes.
    size: u64,
    trouble: Trouble,
    warnings: Warnings,
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
                        self.warnings
                            .add(format!("vanished while it was read: {name}"));
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
