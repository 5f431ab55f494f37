//! Certificate files: read when they are new or changed, kept when what is there now is wrong.

use crate::config::{CertificateFile, CertificateStatus, TlsAlpn};
use mainstay_x509::{Pair, PairError};
use rustls::sign::CertifiedKey;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A chain of four is about 8 KiB.
const MAX_FILE: u64 = 1 << 20;

/// One certificate, with what was read last and what is wrong with the files now.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    file: CertificateFile,
    stamp: Option<Stamp>,
    pub(super) pair: Option<Pair>,
    problem: Option<String>,
}

/// Tells a file that was written from one that was not; also its mode may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp([(u64, u64, i64, i64, i64, i64); 2]);

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{0} is longer than {MAX_FILE} bytes")]
    TooLong(PathBuf),
    #[error("{path}: {source}")]
    Pair { path: PathBuf, source: PairError },
}

/// Reads each of `files` unless it is among `before` and has not changed since.
pub(super) fn load(files: &[CertificateFile], before: &[Loaded]) -> Vec<Loaded> {
    let known = |file: &CertificateFile| before.iter().find(|loaded| loaded.file == *file);
    files
        .iter()
        .map(|file| load_one(file, known(file)))
        .collect()
}

fn load_one(file: &CertificateFile, known: Option<&Loaded>) -> Loaded {
    // Taken before reading: what is written meanwhile has another one.
    let stamp = Stamp::of(file);
    if let (Some(known), Some(stamp)) = (known, &stamp)
        && known.stamp.as_ref() == Some(stamp)
    {
        return known.clone();
    }
    let name = &file.name;
    let before = known.and_then(|known| known.problem.as_deref());
    match read(&file.certificate, &file.key) {
        Ok(pair) => {
            tracing::info!(name, names = ?pair.facts.names, until = %pair.facts.not_after, "certificate read");
            Loaded {
                file: file.clone(),
                stamp,
                pair: Some(pair),
                problem: None,
            }
        }
        Err(error) => {
            let problem = error.to_string();
            let pair = known.and_then(|known| known.pair.clone());
            if before != Some(&problem) {
                let kept = pair.is_some();
                tracing::warn!(name, problem, kept, "a certificate cannot be served");
            }
            Loaded {
                file: file.clone(),
                stamp,
                pair,
                problem: Some(problem),
            }
        }
    }
}

impl Loaded {
    /// Whether the files are those that were read.
    pub(super) fn is_current(&self) -> bool {
        self.stamp.is_some() && Stamp::of(&self.file) == self.stamp
    }

    pub(super) fn status(&self) -> CertificateStatus {
        let facts = self.pair.as_ref().map(|pair| &pair.facts);
        CertificateStatus {
            name: self.file.name.clone(),
            names: facts.map(|facts| facts.names.clone()).unwrap_or_default(),
            issuer: facts.map(|facts| facts.issuer.clone()).unwrap_or_default(),
            not_before: facts.map(|facts| facts.not_before),
            not_after: facts.map(|facts| facts.not_after),
            problem: self.problem.clone(),
        }
    }
}

impl Stamp {
    fn of(file: &CertificateFile) -> Option<Self> {
        let of = |path: &Path| {
            let meta = std::fs::metadata(path).ok()?;
            let (modified, changed) = (meta.mtime(), meta.ctime());
            let (modified_ns, changed_ns) = (meta.mtime_nsec(), meta.ctime_nsec());
            let (inode, size) = (meta.ino(), meta.size());
            Some((inode, size, modified, modified_ns, changed, changed_ns))
        };
        Some(Self([of(&file.certificate)?, of(&file.key)?]))
    }
}

/// The certificate of a challenge; it is read once, by those who asked for it.
pub(super) fn challenge(challenge: &TlsAlpn) -> Option<Arc<CertifiedKey>> {
    let read = || {
        let (certificate, key) = (contents(&challenge.certificate)?, contents(&challenge.key)?);
        mainstay_x509::challenge(&certificate, &key)
            .map_err(|source| of(&challenge.certificate, &challenge.key, source))
    };
    match read() {
        Ok(key) => Some(key),
        Err(problem) => {
            tracing::warn!(host = challenge.host, %problem, "a challenge cannot be answered");
            None
        }
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Pair, FileError> {
    let pair = Pair::read(&contents(certificate)?, &contents(key)?);
    pair.map_err(|source| of(certificate, key, source))
}

/// With the path that it is about.
fn of(certificate: &Path, key: &Path, source: PairError) -> FileError {
    let path = match source {
        PairError::NoKey | PairError::Key(_) => key,
        _ => certificate,
    };
    FileError::Pair {
        path: path.to_owned(),
        source,
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(FileError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}
