//! A directory of a snapshot, back on disk.
//!
//! rustic's own restore holds as much of the packs in memory as there are threads and packs; this one holds a few
//! megabytes for each reader. Everything is written below a folder of its own within the target and moved to its
//! place when all of it is there and synced: what has its name is whole.

mod metadata;
mod plan;

use super::blobs::{self, Run};
use super::{Repository, node_at};
use crate::store::failure;
use crate::{Failure, FailureKind, Loaded};
use parking_lot::Mutex;
use plan::Plan;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Threads that read, open and write blobs.
const READERS: usize = 4;

/// Of the folder in which a restore grows.
const STAGE: &str = ".mainstay-restore-";

/// What an empty file system has.
const NOTHING: &str = "lost+found";

impl Repository {
    /// Writes what is below `path` into the directory `into`, which is made or must be empty; a file goes into it
    /// under its name.
    pub(crate) fn load_tree(
        self,
        snapshot: &str,
        path: &str,
        into: &Path,
    ) -> Result<Loaded, Failure> {
        let started = Instant::now();
        let snapshot = self.snapshot(snapshot)?;
        let trouble = self.adapter.trouble.clone();
        let indexed = self.again()?.to_indexed();
        let indexed = indexed.map_err(|error| trouble.explain(error))?;
        let node = node_at(&indexed, &snapshot, path, &trouble)?;
        let plan = Plan::of(&indexed, node, &trouble)?;
        drop(indexed);
        let (stage, _alone) = prepare(into)?;
        self.meter.expect(plan.bytes);
        let done = self
            .fill(&plan, &stage)
            .and_then(|()| publish(&plan, &stage, into));
        if done.is_err() {
            let _ = fs::remove_dir_all(&stage);
        }
        done.map(|()| Loaded {
            bytes: plan.bytes,
            sha256: None,
            took: started.elapsed(),
        })
    }

    fn fill(&self, plan: &Plan, stage: &Path) -> Result<(), Failure> {
        for (path, _) in &plan.folders {
            make(&stage.join(path))?;
        }
        for file in plan.files.iter().filter(|file| file.empty) {
            open(&stage.join(&file.path))?;
        }
        self.write_blobs(plan, stage)?;
        for file in &plan.files {
            metadata::apply(&stage.join(&file.path), &file.node)?;
        }
        for (path, of) in &plan.hard_links {
            let (path, of) = (stage.join(path), stage.join(&plan.files[*of].path));
            fs::hard_link(of, &path).map_err(|error| failure(&path, "link", &error))?;
        }
        // Last, so that nothing is ever written through one of them.
        for (path, node) in &plan.others {
            metadata::create(&stage.join(path), node)?;
        }
        sync(stage)
    }

    fn write_blobs(&self, plan: &Plan, stage: &Path) -> Result<(), Failure> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        let work = || {
            while failed.lock().is_none() {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(run) = plan.runs.get(number) else {
                    return;
                };
                if let Err(failure) = self.write_run(plan, run, stage) {
                    failed.lock().get_or_insert(failure);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..READERS {
                scope.spawn(work);
            }
        });
        failed.into_inner().map_or(Ok(()), Err)
    }

    fn write_run(&self, plan: &Plan, run: &Run, stage: &Path) -> Result<(), Failure> {
        let mut last: Option<(u32, File)> = None;
        blobs::read(&self.adapter, &self.crypt, run, |number, blob| {
            for (file, at) in plan.targets(&run.pieces[number].id) {
                let path = || stage.join(&plan.files[*file as usize].path);
                let open = match last.take() {
                    Some((number, open)) if number == *file => open,
                    _ => open(&path())?,
                };
                let written = open.write_all_at(&blob, *at);
                written.map_err(|error| failure(&path(), "write", &error))?;
                last = Some((*file, open));
                self.meter.add(blob.len() as u64);
            }
            Ok(())
        })
    }
}

/// A folder within the target that is nobody else's, and what keeps others out.
fn prepare(into: &Path) -> Result<(PathBuf, File), Failure> {
    make(into)?;
    let alone = File::open(into).map_err(|error| failure(into, "open", &error))?;
    flock(&alone, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let message = format!("cannot restore into {}: {error}", into.display());
        let kind = match error {
            Errno::WOULDBLOCK => FailureKind::Busy,
            _ => FailureKind::Other,
        };
        Failure::new(kind, message).hint("wait until whoever works in it is done")
    })?;
    let entries = fs::read_dir(into).map_err(|error| failure(into, "read", &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failure(into, "read", &error))?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(STAGE) {
            // Of a restore that was cut.
            let removed = fs::remove_dir_all(entry.path());
            removed.map_err(|error| failure(&entry.path(), "remove", &error))?;
        } else if name != NOTHING {
            let message = format!("{} is not empty: nothing was restored", into.display());
            let failure = Failure::new(FailureKind::Other, message);
            return Err(failure.hint("name a directory that is empty or not there yet"));
        }
    }
    let stage = into.join(format!("{STAGE}{}", std::process::id()));
    make(&stage)?;
    Ok((stage, alone))
}

/// Moves what is whole to its place.
fn publish(plan: &Plan, stage: &Path, into: &Path) -> Result<(), Failure> {
    for name in &plan.top {
        let (from, to) = (stage.join(name), into.join(name));
        fs::rename(&from, &to).map_err(|error| failure(&to, "move a restored file to", &error))?;
    }
    fs::remove_dir(stage).map_err(|error| failure(stage, "remove", &error))?;
    // The innermost first: a directory's time changes with what is put into it, and one may be read-only.
    for (path, node) in plan.folders.iter().rev() {
        metadata::apply(&into.join(path), node)?;
    }
    if let Some(root) = &plan.root {
        metadata::apply(into, root)?;
    }
    sync(into)
}

fn make(folder: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failure(folder, "create", &error))
}

/// A file that is not there is made, for us alone.
fn open(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    match options.custom_flags(flags).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                make(parent)?;
            }
            options
                .open(path)
                .map_err(|error| failure(path, "create", &error))
        }
        opened => opened.map_err(|error| failure(path, "create", &error)),
    }
}

/// All that was written to the file system of a folder is on disk when this answers.
fn sync(folder: &Path) -> Result<(), Failure> {
    let synced = File::open(folder).and_then(|open| Ok(rustix::fs::syncfs(open)?));
    synced.map_err(|error| failure(folder, "sync", &error))
}
