//! Real PostgreSQL and Redis, started for one test.
//!
//! Where a peer is not on the machine its test is skipped, with a line on standard error that says
//! so (written past the harness's capture, since the test counts as passed). With
//! `MAINSTAY_REQUIRE_PEERS=1` that is a failure instead.

use super::{DEADLINE, lines};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;
use tempfile::TempDir;

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// A PostgreSQL of one's own; its data goes with it.
pub(crate) struct Postgres {
    child: Child,
    port: u16,
    binaries: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// `None`: not on this machine, and said so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let binaries = found("PostgreSQL", postgres_folder(), test)?;
        let folder = tempfile::tempdir().expect("a folder");
        // PostgreSQL refuses root, and its user has to get in.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))
            .expect("our folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        if geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&data));
        }
        run(unprivileged(&binaries.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-N", "-D"])
            .arg(&data));
        let port = free_port();
        let child = serve(&binaries, &data, port);
        Some(Self {
            child,
            port,
            binaries,
            folder,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// `kill -9` of all of it would leave shared memory: this is its immediate shutdown.
    pub(crate) fn kill(&mut self) {
        end(&mut self.child, Signal::QUIT);
    }

    /// The same data at the same port.
    pub(crate) fn start_again(&mut self) {
        self.child = serve(&self.binaries, &self.folder.path().join("data"), self.port);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(binaries: &Path, data: &Path, port: u16) -> Child {
    let mut child = unprivileged(&binaries.join("postgres"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-D"])
        .arg(data)
        .arg("-k")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("PostgreSQL can be started");
    let log = lines(child.stderr.take().expect("is piped"));
    wait_for(&log, "ready to accept connections");
    child
}

/// The newest one that Debian has, or the one on the `PATH`.
fn postgres_folder() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .chain(path_folders())
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    folders.sort();
    folders.pop()
}

fn unprivileged(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(program);
    command
}

/// A Redis of one's own that keeps nothing.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// `None`: not on this machine, and said so.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let program = path_folders()
            .map(|folder| folder.join("redis-server"))
            .find(|file| file.is_file());
        found("Redis", program, test)?;
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let child = serve_redis(&folder, port);
        Some(Self {
            child,
            port,
            folder,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        end(&mut self.child, Signal::KILL);
    }

    pub(crate) fn start_again(&mut self) {
        self.child = serve_redis(&self.folder, self.port);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve_redis(folder: &TempDir, port: u16) -> Child {
    let mut child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Redis can be started");
    let log = lines(child.stdout.take().expect("is piped"));
    wait_for(&log, "Ready to accept connections");
    child
}

fn found(peer: &str, place: Option<PathBuf>, test: &str) -> Option<PathBuf> {
    if place.is_none() {
        assert!(
            std::env::var_os(REQUIRE).is_none_or(|value| value != "1"),
            "{peer} is not on this machine, and {REQUIRE}=1"
        );
        let _ = writeln!(std::io::stderr(), "skipped for want of {peer}: {test}");
    }
    place
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn run(command: &mut Command) {
    let output = command.output().expect("can be started");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("has an address").port()
}

fn wait_for(log: &Receiver<String>, what: &str) {
    let deadline = Instant::now() + DEADLINE;
    let mut seen = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match log.recv_timeout(left) {
            Ok(line) if line.contains(what) => return,
            Ok(line) => seen.push(line),
            Err(error) => panic!("{error}: never said {what:?}, but:\n{}", seen.join("\n")),
        }
    }
}

fn end(child: &mut Child, signal: Signal) {
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        let _ = kill_process(Pid::from_child(child), signal);
        let _ = child.wait();
    }
}
