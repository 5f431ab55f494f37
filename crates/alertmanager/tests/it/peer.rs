//! Programs that others wrote.

use std::io::Write as _;
use std::path::PathBuf;

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture of
/// its output.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os(REQUIRE).is_none(), "{name} is required");
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}
