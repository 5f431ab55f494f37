//! Tidiness as a test: what a reviewer would otherwise have to see, each time.
//!
//! Each check collects everything that is wrong and says how to mend it.

mod documents;
mod guides;
mod packs;
mod runbooks;
mod sources;
mod tiers;
mod verdicts;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's own directory.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the workspace's directory")
}

/// Text files of the checkout, as paths from its root: tracked ones, and those that would be
/// tracked by `git add`, so that a mistake is seen before it is committed.
fn files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git can be started");
    assert!(listing.status.success(), "git ls-files: {listing:?}");
    String::from_utf8(listing.stdout)
        .expect("names of tracked files are UTF-8")
        .split_terminator('\0')
        .map(PathBuf::from)
        // Deleted, but not yet in the index.
        .filter(|path| root().join(path).is_file())
        .collect()
}

/// The file's text, or `None` where it is binary.
fn text(path: &Path) -> Option<String> {
    let bytes = std::fs::read(root().join(path)).expect("a tracked file can be read");
    String::from_utf8(bytes).ok()
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(root());
    command
}

/// Fails with all of them at once.
fn assert_none(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "\n{}\n", mistakes.join("\n"));
}
