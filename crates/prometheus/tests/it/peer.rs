//! Programs of Prometheus: promtool, and a server on a free port in a temporary directory, ended with
//! the test.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::{Client, PATIENCE};

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

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

/// Asks again until something is there.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no {what} after {PATIENCE:?}");
}

/// A running Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) client: Client,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with a configuration and waits until it answers.
    pub(crate) fn start(test: &str, configuration: &str) -> Option<Self> {
        let program = program("prometheus", test)?;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let data = directory.path().join("data");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client { port, prefix: "" };
        let prometheus = Self {
            child,
            client,
            _directory: directory,
        };
        wait_for("ready Prometheus", || {
            let ready = prometheus.client.send("GET", "/-/ready", &[], b"");
            ready.ok().filter(|answer| answer.status == 200)
        });
        Some(prometheus)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
