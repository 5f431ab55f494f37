//! A directory of segments: `TIMELINE LOG SEGMENT` in 24 digits, the one that grows with `.partial`, and history
//! files. PostgreSQL's own names, so that its tools read them.
//!
//! A partial segment has its full size from the start, zeros where nothing came yet: a recovery reads it as it is.

use super::receiver::Stopped;
use crate::database::Failure;
use crate::postgres::lsn::{Lsn, Segment, SegmentSize};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const PARTIAL: &str = ".partial";

/// Says whose log this is.
const IDENTITY: &str = "identity.json";

/// A directory with the log of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    folder: PathBuf,
    identity: Identity,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    system: String,
    segment_size: SegmentSize,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All of it is there.
    Whole(Segment),
    /// Grows, or belongs to a timeline that ended within it.
    Partial(Segment),
    /// Where this timeline branched off.
    History(u32),
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub kind: Kind,
    pub path: PathBuf,
}

impl Archive {
    /// Opens a directory, or begins one for this cluster.
    ///
    /// # Errors
    /// It holds the log of another cluster ([`Stopped::Gap`]), or cannot be read or written ([`Stopped::Disk`]).
    pub fn open(folder: &Path, system: &str, size: SegmentSize) -> Result<Self, Stopped> {
        let identity = Identity {
            system: system.to_owned(),
            segment_size: size,
        };
        let failed = |error: io::Error| Stopped::Disk(failure(folder, &error));
        fs::create_dir_all(folder).map_err(failed)?;
        match Self::existing(folder).map_err(Stopped::Disk)? {
            Some(archive) if archive.identity == identity => Ok(archive),
            Some(other) => {
                let (there, here) = (other.identity.system, &identity.system);
                let message = format!(
                    "{} holds the log of cluster {there}, and the server is cluster {here}",
                    folder.display()
                );
                Err(Stopped::Gap(Failure::new(message).hint(
                    "the database was made anew: clear the archive, and take a new base backup",
                )))
            }
            None => {
                let text = serde_json::to_vec(&identity).unwrap_or_default();
                write_whole(folder, IDENTITY, &text).map_err(failed)?;
                Ok(Self {
                    folder: folder.to_owned(),
                    identity,
                })
            }
        }
    }

    /// Deletes everything, so that a receiver begins with where the server is then: after a gap, when what is here
    /// was kept elsewhere. A base backup that is taken after that is the first that can use what follows.
    pub fn clear(folder: &Path) -> Result<(), Failure> {
        if let Some(archive) = Self::existing(folder)? {
            for kept in archive.list()? {
                fs::remove_file(&kept.path).map_err(|error| failure(&kept.path, &error))?;
            }
            let identity = folder.join(IDENTITY);
            fs::remove_file(&identity).map_err(|error| failure(&identity, &error))?;
        }
        Ok(())
    }

    /// Opens a directory that [`Self::open`] began; `None`: it is not begun.
    pub fn existing(folder: &Path) -> Result<Option<Self>, Failure> {
        let text = match fs::read(folder.join(IDENTITY)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure(folder, &error)),
        };
        let identity = serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!("{}: {error}", folder.join(IDENTITY).display()))
        })?;
        Ok(Some(Self {
            folder: folder.to_owned(),
            identity,
        }))
    }

    pub fn segment_size(&self) -> SegmentSize {
        self.identity.segment_size
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that is there, in the order of timelines and positions; history files come first.
    pub fn list(&self) -> Result<Vec<Kept>, Failure> {
        let failed = |error: io::Error| failure(&self.folder, &error);
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(kind) = entry.file_name().to_str().and_then(|name| self.kind(name)) {
                all.push(Kept {
                    kind,
                    path: entry.path(),
                });
            }
        }
        all.sort_by_key(|kept| match kept.kind {
            Kind::History(timeline) => (timeline, Lsn(0), 0),
            Kind::Whole(segment) => (segment.timeline, segment.start, 1),
            Kind::Partial(segment) => (segment.timeline, segment.start, 2),
        });
        Ok(all)
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        let size = self.segment_size();
        if let Some(timeline) = name.strip_suffix(".history") {
            let hex = timeline.len() == 8;
            return u32::from_str_radix(timeline, 16)
                .ok()
                .filter(|_| hex)
                .map(Kind::History);
        }
        match name.strip_suffix(PARTIAL) {
            Some(name) => Segment::parse(name, size).map(Kind::Partial),
            None => Segment::parse(name, size).map(Kind::Whole),
        }
    }

    /// Deletes files that are kept elsewhere. One that still grows is left.
    pub fn forget(&self, kept: &[Kept]) -> Result<(), Failure> {
        let newest = self.list()?.iter().rev().find_map(|kept| match kept.kind {
            Kind::Whole(segment) | Kind::Partial(segment) => Some(segment),
            Kind::History(_) => None,
        });
        for kept in kept {
            // The newest says where the receiver goes on.
            let goes_on = match kept.kind {
                Kind::Whole(segment) | Kind::Partial(segment) => Some(segment) == newest,
                Kind::History(_) => false,
            };
            if goes_on {
                continue;
            }
            match fs::remove_file(&kept.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failure(&kept.path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the receiver goes on: the start of the segment that grows, or the end of the last whole one, of the
    /// newest timeline. `None`: nothing is there.
    pub(super) fn resume(&self) -> Result<Option<(u32, Lsn)>, Failure> {
        let list = self.list()?;
        let newest = list.iter().rev().find_map(|kept| match kept.kind {
            Kind::Whole(segment) => Some((segment.timeline, segment.end(self.segment_size()))),
            Kind::Partial(segment) => Some((segment.timeline, segment.start)),
            Kind::History(_) => None,
        });
        Ok(newest)
    }

    /// Keeps a history file, whole or not at all.
    pub(super) fn history(&self, name: &str, content: &str) -> Result<(), Failure> {
        if !matches!(self.kind(name), Some(Kind::History(_))) {
            return Err(Failure::new(format!("`{name}` is no history file")));
        }
        write_whole(&self.folder, name, content.as_bytes())
            .map_err(|error| failure(&self.folder.join(name), &error))
    }
}

/// Writes the log into segments.
pub(super) struct Writer {
    archive: Archive,
    timeline: u32,
    /// The next byte.
    position: Lsn,
    open: Option<File>,
}

impl Writer {
    /// `position` begins a segment.
    pub(super) fn new(archive: Archive, timeline: u32, position: Lsn) -> Self {
        Self {
            archive,
            timeline,
            position,
            open: None,
        }
    }

    pub(super) fn position(&self) -> Lsn {
        self.position
    }

    fn segment(&self) -> Segment {
        Segment {
            timeline: self.timeline,
            start: self.archive.segment_size().start(self.position),
        }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        let name = self.segment().name(self.archive.segment_size());
        self.archive.folder.join(format!("{name}{suffix}"))
    }

    /// Appends; whole segments get their names.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        let size = self.archive.segment_size();
        while !bytes.is_empty() {
            let path = self.path(PARTIAL);
            let failed = |error: io::Error| failure(&path, &error);
            let offset = self.position.0 - self.segment().start.0;
            let room = usize::try_from(size.bytes() - offset).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let file = match &self.open {
                Some(file) => file,
                None => self.open.insert(partial(&path, size).map_err(failed)?),
            };
            file.write_all_at(now, offset).map_err(failed)?;
            if now.len() == room {
                file.sync_all().map_err(failed)?;
                fs::rename(&path, self.path("")).map_err(failed)?;
                sync_folder(&self.archive.folder).map_err(failed)?;
                self.open = None;
            }
            self.position.0 += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Brings everything to disk.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        let Some(file) = &self.open else {
            return Ok(());
        };
        file.sync_data()
            .map_err(|error| failure(&self.path(PARTIAL), &error))
    }
}

/// A file of full size. One that is there holds the same bytes as those that come, as far as they came.
fn partial(path: &Path, size: SegmentSize) -> io::Result<File> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.len() != size.bytes() {
        file.set_len(size.bytes())?;
        file.sync_all()?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    }
    Ok(file)
}

fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1 << 20;

    fn archive(folder: &Path) -> Archive {
        Archive::open(folder, "7", SegmentSize::new(SIZE).unwrap()).unwrap()
    }

    #[test]
    fn segments_are_whole_or_partial_and_tell_where_to_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let archive = archive(folder.path());
        assert_eq!(archive.resume().unwrap(), None);
        let mut writer = Writer::new(archive.clone(), 1, Lsn(3 * SIZE));
        writer.write(&vec![7; SIZE as usize + 5]).unwrap();
        writer.sync().unwrap();
        let kinds: Vec<Kind> = archive
            .list()
            .unwrap()
            .iter()
            .map(|kept| kept.kind)
            .collect();
        let at = |segment: u64| Segment {
            timeline: 1,
            start: Lsn(segment * SIZE),
        };
        assert_eq!(kinds, [Kind::Whole(at(3)), Kind::Partial(at(4))]);
        assert_eq!(archive.resume().unwrap(), Some((1, Lsn(4 * SIZE))));
        let partial = folder.path().join("000000010000000000000004.partial");
        assert_eq!(fs::metadata(partial).unwrap().len(), SIZE);
        archive.forget(&archive.list().unwrap()).unwrap();
        assert_eq!(archive.list().unwrap().len(), 1);
        assert_eq!(archive.resume().unwrap(), Some((1, Lsn(4 * SIZE))));
    }

    #[test]
    fn the_log_of_another_cluster_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        archive(folder.path());
        let other = Archive::open(folder.path(), "8", SegmentSize::new(SIZE).unwrap());
        let message = other.unwrap_err().to_string();
        assert!(
            message.contains("cluster 7") && message.contains("cluster 8"),
            "{message}"
        );
    }
}
