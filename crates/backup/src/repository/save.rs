//! Makes snapshots: of a stream, of a directory. A snapshot is written last, and only when its source was read to its
//! end.

use super::adapter::Hold;
use super::source::{Filled, Folder, Stream};
use super::{Repository, stream_tree};
use crate::{Failure, FailureKind, NewSnapshot, Saved, Tree};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use rustic_core::repofile::{SnapshotFile, SnapshotSummary};
use rustic_core::{BackupOptions, ParentOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The node of a stream before its length is known has this inode, and what else makes it unlike any other.
const MARK: u64 = 0x4d61_696e_7374_6179;

impl Repository {
    /// One file from a stream. `whole` says, once the stream is at its end, whether that was all of it.
    pub(crate) fn save_stream(
        self,
        new: &NewSnapshot,
        data: impl Read + Send + 'static,
        whole: impl FnOnce() -> Result<(), String>,
    ) -> Result<Saved, Failure> {
        let started = Instant::now();
        let path = checked(new)?;
        let _lock = self.adds("save")?;
        let trouble = self.adapter.trouble.clone();
        let explain = |error| trouble.explain(error);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let hashed = Hashed {
            inner: data,
            tally: tally.clone(),
        };
        let reader = Filled::new(hashed, new.path.clone(), trouble.clone());
        let snapshot = draft(new)?;
        let options = BackupOptions::default().parent_opts(ParentOptions::default().force(true));
        let indexed = self.again()?.to_indexed_ids().map_err(explain)?;
        let source = Stream::new(path.clone(), reader, MARK);
        self.adapter.hold(Hold::Trees);
        let made = indexed.archive(&options, &source, snapshot, std::slice::from_ref(&path));
        trouble.check()?;
        let mut made = made.map_err(explain)?;
        whole().map_err(|reason| {
            let message = format!("{} did not come whole: {reason}", new.path);
            Failure::new(FailureKind::Source, message)
        })?;
        let Tally { bytes, hash } = std::mem::take(&mut *tally.lock());
        let summary = made.summary.as_ref();
        let processed = summary.map_or(0, |summary| summary.total_bytes_processed);
        complete(processed, bytes, "bytes")?;
        let content = stream_tree::content(&self.adapter, &self.crypt, MARK)?;
        let tree = stream_tree::write(&self.adapter, &self.crypt, new, content, bytes)?;
        made.tree = tree;
        // The draft was held back; what is written now is the snapshot.
        self.adapter.take_snapshots();
        self.adapter.hold(Hold::Snapshot);
        self.rustic.save_snapshots(vec![made]).map_err(explain)?;
        let snapshot = self.publish()?;
        Ok(Saved {
            snapshot,
            bytes,
            added: self.adapter.written(),
            files: 1,
            sha256: hash.map(|hash| super::crypt::hex(hash.finish().as_ref())),
            took: started.elapsed(),
            warnings: Vec::new(),
        })
    }

    /// A directory and what is below it.
    pub(crate) fn save_tree(self, new: &NewSnapshot, tree: &Tree) -> Result<Saved, Failure> {
        let started = Instant::now();
        let path = checked(new)?;
        let _lock = self.adds("save")?;
        let trouble = self.adapter.trouble.clone();
        let explain = |error| trouble.explain(error);
        let snapshot = draft(new)?;
        let source = Folder::new(tree, path.clone(), trouble.clone())?;
        let fate = source.fate();
        let indexed = self.again()?.to_indexed_ids().map_err(explain)?;
        self.adapter.hold(Hold::Snapshot);
        let parents = self.parent(&new.host, &path.to_string_lossy())?;
        let options = match parents {
            Some(id) => ParentOptions::default().parents(vec![id.to_hex().to_string()]),
            None => ParentOptions::default().force(true),
        };
        let options = BackupOptions::default().parent_opts(options);
        let made = indexed.archive(&options, &source, snapshot, &[path]);
        trouble.check()?;
        let made = made.map_err(explain)?;
        let summary = made.summary.unwrap_or_default();
        complete(summary.total_files_processed, fate.expected(), "files")?;
        Ok(Saved {
            snapshot: self.publish()?,
            bytes: summary.total_bytes_processed,
            added: self.adapter.written(),
            files: summary.total_files_processed,
            sha256: None,
            took: started.elapsed(),
            warnings: fate.warnings(),
        })
    }

    /// Writes the one snapshot that was held back, and answers its name.
    fn publish(&self) -> Result<String, Failure> {
        let mut held = self.adapter.take_snapshots();
        let (Some((name, content)), true) = (held.pop(), held.is_empty()) else {
            let message = "the snapshot was not made as expected";
            return Err(Failure::new(FailureKind::Other, message));
        };
        self.adapter.write(&format!("snapshots/{name}"), &content)?;
        Ok(name)
    }
}

/// rustic leaves out with a warning to nobody what it stumbles over: so what came out is compared with what went in.
fn complete(saved: u64, expected: u64, what: &str) -> Result<(), Failure> {
    if saved == expected {
        return Ok(());
    }
    let message = format!("{saved} of {expected} {what} were saved: no snapshot was made");
    Err(Failure::new(FailureKind::Source, message))
}

/// The path within the snapshot, which is absolute and has no detours.
fn checked(new: &NewSnapshot) -> Result<PathBuf, Failure> {
    let path = Path::new(&new.path);
    let mut parts = path.components();
    let absolute = parts.next() == Some(Component::RootDir);
    let named = path.file_name().is_some();
    if !absolute || !named || !parts.all(|part| matches!(part, Component::Normal(_))) {
        let message = format!("`{}` is no path for a snapshot", new.path);
        let failure = Failure::new(FailureKind::Other, message);
        return Err(failure.hint("write it from the root and without dots: `/databases/orders`"));
    }
    if let Some(tag) = new
        .tags
        .iter()
        .find(|tag| tag.contains(',') || tag.is_empty())
    {
        let message = format!("`{tag}` is no tag: restic separates tags by commas");
        return Err(Failure::new(FailureKind::Other, message));
    }
    // Without a slash at its end, and without doubled ones.
    Ok(path.components().collect())
}

fn draft(new: &NewSnapshot) -> Result<SnapshotFile, Failure> {
    let bad = |error: jiff::Error| {
        Failure::new(
            FailureKind::Other,
            format!("{} is no time: {error}", new.time),
        )
    };
    let time = jiff::Timestamp::from_millisecond(new.time.as_millis()).map_err(bad)?;
    let mut snapshot = SnapshotFile {
        time: time.to_zoned(jiff::tz::TimeZone::UTC),
        hostname: new.host.clone(),
        program_version: format!("mainstay {}", env!("CARGO_PKG_VERSION")),
        summary: Some(SnapshotSummary::default()),
        ..SnapshotFile::default()
    };
    for tag in &new.tags {
        snapshot.tags.add(tag.clone());
    }
    Ok(snapshot)
}

/// What came through.
#[derive(Default)]
struct Tally {
    bytes: u64,
    hash: Option<Context>,
}

/// A reader that keeps the tally.
struct Hashed<R> {
    inner: R,
    tally: Arc<Mutex<Tally>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut tally = self.tally.lock();
        tally.bytes += read as u64;
        let hash = tally.hash.get_or_insert_with(|| Context::new(&SHA256));
        hash.update(&buffer[..read]);
        Ok(read)
    }
}
