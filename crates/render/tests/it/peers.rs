//! The tools that judge, where they are installed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// A judge on the `PATH`, in the system's own folders, where Debian keeps PostgreSQL's server, or where `cargo xtask test --install` puts those from
/// PyPI. `None` says so, with the test that goes without it.
pub(crate) fn peer(program: &str, test: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        skipped(program, test);
    }
    found
}

/// Past the harness's capture, since the test counts as passed.
pub(crate) fn skipped(what: &str, test: &str) {
    assert!(std::env::var_os(REQUIRE).is_none(), "{what} is not here");
    let line = format!("skipped for want of {what}: {test}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

pub(crate) fn find(program: &str) -> Option<PathBuf> {
    find_all(program).next()
}

/// Where there are several: a client of containers and its older self.
pub(crate) fn find_all(program: &str) -> impl Iterator<Item = PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let peers = std::fs::read_dir(peers).into_iter().flatten().flatten();
    let peers = peers.map(|environment| environment.path().join("bin"));
    let postgresql = std::fs::read_dir("/usr/lib/postgresql");
    let postgresql = postgresql.into_iter().flatten().flatten();
    let postgresql = postgresql.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/bin".into()])
        .chain(postgresql)
        .chain(peers)
        .collect();
    let files = folders.into_iter().map(move |folder| folder.join(program));
    files.filter(|file| file.is_file())
}

/// What a judge said, standard error first; it must have found nothing.
pub(crate) fn quiet(command: &mut Command) -> String {
    let said = command.output().expect("the judge starts");
    let text = [said.stderr, said.stdout].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(said.status.success(), "{command:?}\n{text}");
    text
}
