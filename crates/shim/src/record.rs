//! `shim.json`: what must not be forgotten, rewritten as a whole at each change.

use mainstay_wire::shim::Record;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes the record so that after a crash either the old or the new one is there, whole.
pub(crate) fn write(directory: &Path, record: &Record) -> io::Result<()> {
    let new = directory.join("shim.json.new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(record)?)?;
    file.sync_all()?;
    std::fs::rename(&new, directory.join("shim.json"))?;
    File::open(directory)?.sync_all()
}
