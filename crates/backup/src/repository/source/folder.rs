//! A directory, walked in the order of its names, and told under the path that it has in the snapshot.

use super::file::Opener;
use crate::repository::trouble::Trouble;
use crate::{Failure, FailureKind, Tree};
use parking_lot::Mutex;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{
    Excludes, LocalSource, LocalSourceFilterOptions, LocalSourceSaveOptions, ReadSource,
    ReadSourceEntry, RusticError, RusticResult,
};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Warnings that are kept; more are only counted.
const MAX_WARNINGS: usize = 1000;

/// A directory, as it is found under another path in the snapshot.
#[derive(Debug)]
pub(crate) struct Folder {
    inner: LocalSource,
    root: PathBuf,
    path: PathBuf,
    trouble: Trouble,
    fate: Fate,
}

/// What became of the files that were listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    warnings: Vec<String>,
    /// Warnings that were not kept.
    more: usize,
    /// Everything but directories.
    listed: u64,
    /// Of them, what was not there any more when its turn came.
    vanished: u64,
}

impl Fate {
    fn warn(&self, warning: String) {
        let mut told = self.0.lock();
        if told.warnings.len() < MAX_WARNINGS {
            told.warnings.push(warning);
        } else {
            told.more += 1;
        }
    }

    pub(super) fn vanished(&self, name: &str) {
        self.0.lock().vanished += 1;
        self.warn(format!("vanished while it was read: {name}"));
    }

    /// How many files the snapshot must have.
    pub(crate) fn expected(&self) -> u64 {
        let told = self.0.lock();
        told.listed - told.vanished
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut told = self.0.lock();
        let mut all = std::mem::take(&mut told.warnings);
        if told.more > 0 {
            all.push(format!("and {} more", told.more));
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
        // A walk that begins at a link would end there.
        let root = std::fs::canonicalize(&tree.root).map_err(|error| fail(&error))?;
        let mut excludes = Excludes::default();
        let globs = tree.exclude.iter();
        excludes.globs = globs.map(|glob| exclusion(&root, glob)).collect();
        let inner = LocalSource::new(
            LocalSourceSaveOptions::default(),
            &excludes,
            &LocalSourceFilterOptions::default(),
            &[&root],
        );
        Ok(Self {
            inner: inner.map_err(|error| fail(&error.display_log()))?,
            root,
            path,
            trouble,
            fate: Fate::default(),
        })
    }

    pub(crate) fn fate(&self) -> Fate {
        self.fate.clone()
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
            mode: Some(GO_DIRECTORY | go_mode(metadata.mode())),
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

/// Bits above the permissions, as Go has them and as the kernel has them.
pub(crate) const SPECIAL: [(u32, u32); 3] =
    [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];

fn go_mode(mode: u32) -> u32 {
    let special = SPECIAL.iter().filter(|(_, bit)| mode & bit != 0);
    special.fold(mode & 0o777, |all, (go, _)| all | go)
}

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
            fate: self.fate.clone(),
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
    fate: Fate,
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
            if !entry.node.is_dir() {
                self.fate.0.lock().listed += 1;
            }
            let below = entry.path.strip_prefix(&self.root).unwrap_or(Path::new(""));
            let opener = Opener {
                path: entry.path.clone(),
                size: entry.node.meta.size,
                trouble: self.trouble.clone(),
                fate: self.fate.clone(),
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
            return self.fate.warn(warning);
        }
        let message = format!("cannot read {}: {said}", self.root.display());
        self.trouble
            .note(Failure::new(FailureKind::Source, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_with_a_slash_count_from_the_root() {
        let of = |glob| exclusion(Path::new("/srv/a[b]/"), glob);
        assert_eq!(of("*.tmp"), "!*.tmp");
        assert_eq!(of("cache/"), "!cache/");
        assert_eq!(of("**/x/y"), "!**/x/y");
        assert_eq!(of("/cache"), "!/srv/a\\[b\\]/cache");
        assert_eq!(of("sub/*.log"), "!/srv/a\\[b\\]/sub/*.log");
    }
}
