//! Owner, mode, times and attributes of what was restored; and what is no file and no directory.

use crate::Failure;
use crate::repository::source::SPECIAL;
use crate::store::failure;
use rustic_core::repofile::{Node, NodeType};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmod,
    chownat, lsetxattr, mknodat, symlinkat, utimensat,
};
use rustix::io::Errno;
use std::path::Path;

/// Makes a symbolic link, a device or a pipe. Sockets are made by whoever listens on them.
pub(super) fn create(path: &Path, node: &Node) -> Result<(), Failure> {
    let made = match &node.node_type {
        NodeType::Symlink { .. } => symlinkat(node.node_type.to_link(), CWD, path),
        NodeType::Fifo => mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0),
        NodeType::Dev { device } => mknodat(CWD, path, FileType::BlockDevice, Mode::RWXU, *device),
        NodeType::Chardev { device } => {
            mknodat(CWD, path, FileType::CharacterDevice, Mode::RWXU, *device)
        }
        _ => return Ok(()),
    };
    made.map_err(|error| failure(path, "create", &error.into()))?;
    apply(path, node)
}

/// The owner only where we may give files away, and before the mode: the kernel takes away bits with a new owner.
pub(super) fn apply(path: &Path, node: &Node) -> Result<(), Failure> {
    let fail = |error: Errno| failure(path, "set the metadata of", &error.into());
    let meta = &node.meta;
    if rustix::process::geteuid().is_root() && (meta.uid.is_some() || meta.gid.is_some()) {
        let (user, group) = (meta.uid.map(Uid::from_raw), meta.gid.map(Gid::from_raw));
        chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
    }
    for attribute in &meta.extended_attributes {
        let value = attribute.value.as_deref().unwrap_or_default();
        match lsetxattr(path, attribute.name.as_str(), value, XattrFlags::empty()) {
            // Attributes of the kernel's own, and file systems without any.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    if let (Some(mode), false) = (meta.mode, node.is_symlink()) {
        let special = SPECIAL.iter().filter(|(go, _)| mode & go != 0);
        let special = special.fold(0, |all, (_, bit)| all | bit);
        chmod(path, Mode::from_raw_mode(mode & 0o777 | special)).map_err(fail)?;
    }
    let time = |time: Option<jiff::Timestamp>| match time {
        Some(time) => Timespec {
            tv_sec: time.as_second(),
            tv_nsec: time.subsec_nanosecond().into(),
        },
        None => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    };
    let times = Timestamps {
        last_access: time(meta.atime),
        last_modification: time(meta.mtime),
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)
}
