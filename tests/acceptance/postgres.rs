//! A real PostgreSQL, started for one scenario.
//!
//! Where it is not on the machine its scenario is skipped, with a line on standard error that says
//! so. With `MAINSTAY_REQUIRE_PEERS=1` that is a failure instead.

use crate::site::{free_address, signal};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct Postgres {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// `None`: not on this machine, and said so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let binaries = binaries();
        if binaries.is_none() || !found("PostgreSQL", "psql", test) {
            skipped("PostgreSQL", test);
            return None;
        }
        let binaries = binaries?;
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL refuses root, and its user has to get in.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&data));
        }
        run(unprivileged(&binaries.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-N", "-D"])
            .arg(&data));
        let port = free_address().port();
        let child = unprivileged(&binaries.join("postgres"))
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-D"])
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Self {
            child,
            port,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        let ready = || {
            let mut ask = Command::new("psql");
            ask.arg(postgres.url()).args(["-qtAXc", "select 1"]);
            let asked = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(Instant::now() < deadline, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(postgres)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: SIGKILL would leave shared memory.
        signal(self.child.id() as i32, rustix::process::Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Whether a program is on the `PATH`; where it is not, the test is said to be skipped.
pub(crate) fn found(peer: &str, program: &str, test: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !there {
        skipped(peer, test);
    }
    there
}

pub(crate) fn skipped(peer: &str, test: &str) {
    let required = std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_some_and(|value| value == "1");
    assert!(!required, "{peer} is needed for {test}");
    // Past the harness's capture: the test counts as passed.
    let _ = writeln!(std::io::stderr(), "skipped for want of {peer}: {test}");
}

/// The newest that Debian has installed.
pub(crate) fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|entry| entry.path().join("bin"));
    folders
        .filter(|folder| folder.join("postgres").is_file())
        .max()
}

pub(crate) fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(program);
    command
}

pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
