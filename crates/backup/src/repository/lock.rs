//! Who works on a repository. rustic writes no lock files, so we keep our own.
//!
//! What only adds takes part of the lock, what removes data or keys takes all of it, and what only reads takes none: a
//! prune marks first and removes a day later, so that a reader never loses what it is about to read. The lock is one of
//! the kernel, on a file: it ends with the process that holds it, however that ends.
//!
//! Directories have it inside them (`mainstay.lock`, which restic ignores), so that servers that share the directory
//! see each other; for S3 it lies on this machine, and covers only this machine.

use crate::repository::crypt::name_of;
use crate::store::failure;
use crate::{Failure, FailureKind, StoreAt};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const NAME: &str = "mainstay.lock";

/// Of what a holder says about itself, in bytes.
const MAX_HOLDER: u64 = 1024;

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Beside others who add.
    Adds,
    /// Alone.
    Removes,
}

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    process: u32,
    job: String,
    since: jiff::Timestamp,
}

/// Takes it at once, or says who has it. The folder of the lock must be there.
pub(crate) fn take(at: &StoreAt, locks: &Path, share: Share, job: &str) -> Result<Lock, Failure> {
    let path = path(at, locks);
    let fail = |error| failure(&path, "lock", &error);
    if matches!(at, StoreAt::S3(_)) {
        std::fs::create_dir_all(locks).map_err(fail)?;
    }
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(&path).map_err(fail)?;
    let how = match share {
        Share::Adds => FlockOperation::NonBlockingLockShared,
        Share::Removes => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(&file, how) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(busy(at, &mut file)),
        Err(error) => return Err(fail(error.into())),
    }
    let holder = Holder {
        process: std::process::id(),
        job: job.to_owned(),
        since: jiff::Timestamp::now(),
    };
    // Only told to people: a disk without room for it hinders nobody.
    let _ = say(&mut file, &holder);
    Ok(Lock { _file: file })
}

fn path(at: &StoreAt, locks: &Path) -> PathBuf {
    match at {
        StoreAt::Directory(path) => path.join(NAME),
        StoreAt::S3(_) => {
            let name = name_of([at.to_string().as_bytes()]);
            locks.join(format!("{}.lock", &name[..32]))
        }
    }
}

fn say(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder)?)
}

fn busy(at: &StoreAt, file: &mut File) -> Failure {
    let mut text = String::new();
    let _ = file.take(MAX_HOLDER).read_to_string(&mut text);
    let who = match serde_json::from_str::<Holder>(&text) {
        Ok(Holder {
            process,
            job,
            since,
        }) => format!("process {process} has been at it since {since:.0} ({job})"),
        Err(_) => "somebody else works on it".to_owned(),
    };
    let failure = Failure::new(FailureKind::Busy, format!("{at} is in use: {who}"));
    failure.hint("try again when that is done")
}
