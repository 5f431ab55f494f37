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
use std::sync::atomic::{AtomicU32, Ordering};
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
    bridge: Bridge,
}

/// A bridge of an engine's own. Without one an engine takes `docker0`, or takes it away from
/// whoever has it.
#[derive(Debug)]
struct Bridge {
    name: String,
    pools: String,
}

impl Bridge {
    /// At the end of `pools`: `10.1.0.0/16` gives 10.1.255.1.
    fn make(pools: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("mst{}x{number}", std::process::id());
        let net: Vec<&str> = pools.split('.').take(2).collect();
        let address = format!("{}.{}.1/26", net.join("."), 255 - number);
        for words in [
            vec!["link", "add", &name, "type", "bridge"],
            vec!["addr", "add", &address, "dev", &name],
            vec!["link", "set", &name, "up"],
        ] {
            let done = Command::new("ip").args(&words).status().unwrap();
            assert!(done.success(), "ip {}", words.join(" "));
        }
        // Where another engine's firewall forwards nothing, ours would be cut off. Where there is
        // no firewall there is nothing to allow.
        let _ = firewall("-I", pools);
        Self {
            name,
            pools: pools.to_owned(),
        }
    }
}

/// Lets containers within these addresses talk to each other, or no longer.
fn firewall(verb: &str, pools: &str) -> std::io::Result<std::process::ExitStatus> {
    Command::new("iptables")
        .args([
            "-w", verb, "FORWARD", "-s", pools, "-d", pools, "-j", "ACCEPT",
        ])
        .stderr(Stdio::null())
        .status()
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = firewall("-D", &self.pools);
        let _ = Command::new("ip")
            .args(["link", "del", &self.name])
            .status();
    }
}

impl OwnEngine {
    /// In `directory`, which is there; `pools` is where its networks take their addresses from.
    pub(crate) fn start(directory: &Path, pools: &str) -> Self {
        let bridge = Bridge::make(pools);
        let mut child = spawn(directory, pools, &bridge);
        wait(directory, &mut child);
        Self {
            child,
            directory: directory.to_owned(),
            pools: pools.to_owned(),
            bridge,
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
        self.child = spawn(&self.directory, &self.pools, &self.bridge);
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

fn spawn(directory: &Path, pools: &str, bridge: &Bridge) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    command_of(directory, pools, bridge)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn command_of(directory: &Path, pools: &str, bridge: &Bridge) -> Command {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut command = Command::new("dockerd");
    command
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid")])
        .args(["-H", &format!("unix://{}", path("docker.sock"))])
        .args([
            "--bridge",
            &bridge.name,
            "--iptables=false",
            "--ip6tables=false",
        ])
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
    directory=$1; bridge=$2; pools=$3; shift 3
    "$@" </dev/null >/dev/null 2>"$directory/log" &
    engine=$!
    cat >/dev/null
    kill -TERM "$engine"
    wait "$engine"
    ip link del "$bridge"
    iptables -w -D FORWARD -s "$pools" -d "$pools" -j ACCEPT
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
    let bridge = Bridge::make(&own_pools());
    command.args([&bridge.name, &bridge.pools]);
    let engine = command_of(&directory, &own_pools(), &bridge);
    // Its keeper takes that away too.
    std::mem::forget(bridge);
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
    let here = |name| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    here("dockerd") && here("ip") && rustix::process::geteuid().is_root()
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
