//! An engine of containers of the test's own.

use crate::peers::{find, quiet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// An engine of the test's own: no firewall rule, no bridge but its own, ended by its pid.
pub(crate) struct Engine {
    child: Child,
    folder: tempfile::TempDir,
    bridge: String,
}

impl Engine {
    pub(crate) fn start() -> Self {
        // Tests of one process run beside each other.
        static COUNT: AtomicU8 = AtomicU8::new(0);
        let folder = tempfile::tempdir().expect("a folder");
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let bridge = format!("msw{}x{number}", std::process::id());
        let net = format!("10.{}", 214 + number);
        for words in [
            vec!["link", "add", &bridge, "type", "bridge"],
            vec!["addr", "add", &format!("{net}.255.1/26"), "dev", &bridge],
            vec!["link", "set", &bridge, "up"],
        ] {
            quiet(Command::new("ip").args(words));
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let log = std::fs::File::create(path("log")).expect("a log");
        let child = Command::new("dockerd")
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "--bridge", &bridge])
            .args(["-H", &format!("unix://{}", path("docker.sock"))])
            .args([
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ])
            .args([
                "--ip-masq=false",
                "--default-address-pool",
                &format!("base={net}.0.0/17,size=26"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd starts");
        let engine = Self {
            child,
            folder,
            bridge,
        };
        let socket = engine.folder.path().join("docker.sock");
        wait("the engine", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        engine
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn docker(&self) -> Command {
        self.client(&find("docker").expect("docker"))
    }

    /// The same, by a client of one's choice.
    pub(crate) fn client(&self, docker: &Path) -> Command {
        let mut command = Command::new(docker);
        let socket = self.folder.path().join("docker.sock");
        command
            .arg("-H")
            .arg(format!("unix://{}", socket.display()));
        // No configuration of whoever runs the tests.
        command
            .arg("--config")
            .arg(self.folder.path().join("config"));
        command
    }

    pub(crate) fn said(&self, words: &[&str]) -> String {
        quiet(self.docker().args(words)).trim().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
        let _ = Command::new("ip")
            .args(["link", "del", &self.bridge])
            .status();
    }
}

pub(crate) fn wait(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}
