//! An engine of our own in a temporary directory: no firewall rules, no bridge of its own.

use bollard::{API_DEFAULT_VERSION, Docker};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Engine {
    child: Child,
    directory: tempfile::TempDir,
}

impl Engine {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut engine = Self {
            child: spawn(directory.path()),
            directory,
        };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(engine.socket()).is_err() {
            let ended = engine.child.try_wait().unwrap();
            let log = std::fs::read_to_string(engine.directory.path().join("log"));
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the engine does not come up: {}",
                log.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        engine
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    pub(crate) async fn client(&self) -> Docker {
        let socket = self.socket();
        let docker = Docker::connect_with_unix(&socket.to_string_lossy(), 60, API_DEFAULT_VERSION);
        docker.unwrap().negotiate_version().await.unwrap()
    }
}

impl Drop for Engine {
    /// In order: with it goes its containerd.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(directory: &Path) -> Child {
    let path = |name: &str| directory.join(name).display().to_string();
    let log = std::fs::File::create(directory.join("log")).unwrap();
    Command::new("dockerd")
        .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid")])
        .args(["-H", &format!("unix://{}", path("docker.sock"))])
        .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
        .args(["--ip-forward=false", "--ip-masq=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}
