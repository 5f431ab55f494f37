//! The engine that all tests of this executable share: one of their own, or the one that
//! `MAINSTAY_TEST_ENGINE` names.
//!
//! An own one keeps everything in a temporary directory, touches no firewall rule and no bridge but
//! those of its own networks, and is ended by its pid when the tests are over.

#![allow(dead_code, reason = "each of those who include it needs a part")]

use mainstay_runtime::docker::EngineAddress;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const GIVEN: &str = "MAINSTAY_TEST_ENGINE";
const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// For an engine to come up, and to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// One engine process with a directory of its own.
#[derive(Debug)]
pub(crate) struct OwnEngine {
    child: Child,
    directory: PathBuf,
    pools: String,
}

impl OwnEngine {
    /// In `directory`, which is there; `pools` is where its networks take their addresses from.
    pub(crate) fn start(directory: &Path, pools: &str) -> Self {
        let mut child = spawn(directory, pools);
        wait(directory, &mut child);
        Self {
            child,
            directory: directory.to_owned(),
            pools: pools.to_owned(),
        }
    }

    pub(crate) fn address(&self) -> EngineAddress {
        EngineAddress::Unix(self.directory.join("docker.sock"))
    }

    /// SIGKILL to the engine alone; its containers run on.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        // It believes in the numbers of these files, which may be others' by now.
        for stale in ["pid", "exec/containerd/containerd.pid", "docker.sock"] {
            let _ = std::fs::remove_file(self.directory.join(stale));
        }
        self.child = spawn(&self.directory, &self.pools);
        wait(&self.directory, &mut self.child);
    }

    /// Ends it in order: with it goes its containerd.
    fn end(&mut self) {
        let pid = Pid::from_child(&self.child);
        let _ = kill_process(pid, Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(directory: &Path, pools: &str) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    command_of(directory, pools)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn command_of(directory: &Path, pools: &str) -> Command {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut command = Command::new("dockerd");
    command
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid")])
        .args(["-H", &format!("unix://{}", path("docker.sock"))])
        .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
        .args(["--ip-forward=false", "--ip-masq=false"])
        .args(["--default-address-pool", &format!("base={pools},size=26")]);
    command
}

fn wait(directory: &Path, child: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while std::os::unix::net::UnixStream::connect(directory.join("docker.sock")).is_err() {
        let ended = child.try_wait().unwrap();
        let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(
            ended.is_none() && Instant::now() < deadline,
            "the engine does not come up: {}",
            log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs the engine in its first argument until our end of its standard input closes, however we
/// end; then ends it and takes its directory away.
const KEEPER: &str = r#"
    directory=$1; shift
    "$@" </dev/null >/dev/null 2>"$directory/log" &
    engine=$!
    cat >/dev/null
    kill -TERM "$engine"
    wait "$engine"
    rm -rf "$directory"
"#;

/// The shared one: its keeper, held for the life of this process.
struct Shared {
    _keeper: Option<Child>,
    address: Option<EngineAddress>,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// The engine for a test; `None` where there is none, and that was said.
pub(crate) fn shared(test: &str) -> Option<EngineAddress> {
    let shared = SHARED.get_or_init(|| {
        if let Ok(given) = std::env::var(GIVEN) {
            return Shared {
                _keeper: None,
                address: Some(given.parse().unwrap()),
            };
        }
        if !is_here() {
            return Shared {
                _keeper: None,
                address: None,
            };
        }
        let (keeper, address) = keep();
        Shared {
            _keeper: Some(keeper),
            address: Some(address),
        }
    });
    if shared.address.is_none() {
        skip(test);
    }
    shared.address.clone()
}

/// Starts the shared one, and waits until it listens.
fn keep() -> (Child, EngineAddress) {
    // Its keeper takes the directory away.
    let directory = tempfile::tempdir().unwrap().keep();
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(&directory);
    let engine = command_of(&directory, &own_pools());
    command.arg(engine.get_program()).args(engine.get_args());
    let mut keeper = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(&directory, &mut keeper);
    (keeper, EngineAddress::Unix(directory.join("docker.sock")))
}

/// Addresses for its networks; test binaries that run at the same time have others.
fn own_pools() -> String {
    format!("10.{}.0.0/16", 128 + std::process::id() % 85)
}

/// A second one for a test that kills it, beside a given one too.
pub(crate) fn can_start_own(test: &str) -> bool {
    let can = is_here();
    if !can {
        skip(test);
    }
    can
}

fn is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("dockerd").is_file());
    found && rustix::process::geteuid().is_root()
}

/// Past the harness's capture, since the test counts as passed.
fn skip(test: &str) {
    assert!(
        std::env::var_os(REQUIRE).is_none(),
        "no container engine: dockerd is not here, or this is not root"
    );
    let line = format!("skipped for want of a container engine (dockerd as root): {test}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
