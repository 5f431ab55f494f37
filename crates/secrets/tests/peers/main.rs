//! The stores themselves judge how they are read: `age` both ways, AWS Secrets Manager as moto
//! plays it. Vault has no package to try against; its documented HTTP API is played in `vault`.
//!
//! A peer that is not on this machine skips its test, counted, never passes it.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod age;
mod asked;
mod aws;
mod vault;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The program on the `PATH`; where there is none the test is skipped, and says so past the
/// capture of its output.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file))
        .or_else(|| aws::installed(name));
    if found.is_none() {
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}
