//! Prometheus's programs, and what promtool says of files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// promtool, where it is there.
pub(crate) fn promtool(test: &str) -> Option<PathBuf> {
    program("promtool", test)
}

/// A program on the `PATH`; where there is none the test is skipped, and says so past the capture of
/// its output.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    if found.is_none() {
        assert!(std::env::var_os(REQUIRE).is_none(), "{name} is required");
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}

/// Runs it; whether it succeeded, and what it said.
pub(crate) fn run(promtool: &Path, arguments: &[&str], file: &Path) -> (bool, String) {
    let output = Command::new(promtool)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    let Output { stdout, stderr, .. } = &output;
    let said = String::from_utf8_lossy(stdout) + String::from_utf8_lossy(stderr);
    (output.status.success(), said.into_owned())
}
