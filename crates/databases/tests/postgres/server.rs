//! A PostgreSQL of a test, on a free port of loopback and in a directory of its own.

use super::support::{Local, free_port, skipped, until};
use mainstay_databases::postgres::Login;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the programs are; none: the test is skipped and says so.
pub(crate) fn binaries(test: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql");
    let found = folders
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .find(|bin| bin.join("initdb").is_file());
    if found.is_none() {
        skipped("PostgreSQL", test);
    }
    found
}

/// Runs as `postgres` where the test runs as root.
pub(crate) fn unprivileged() -> Vec<String> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    bin: PathBuf,
    child: Option<Child>,
    settings: Vec<String>,
}

impl Server {
    /// With `settings` such as `wal_level=replica`; answers when it lets somebody in.
    pub(crate) async fn start(bin: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = folder.path().join("data");
        let made = command(bin, "initdb")
            .arg("-D")
            .arg(&data)
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut server = Self {
            folder,
            port: free_port(),
            bin: bin.to_owned(),
            child: None,
            settings: settings.iter().map(|text| (*text).to_owned()).collect(),
        };
        server.up().await;
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) async fn up(&mut self) {
        let mut command = command(&self.bin, "postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k"])
            .arg(self.folder.path())
            .args(["-c", "fsync=off", "-c", "shared_buffers=64MB"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let log = self.folder.path().join("log");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(log)
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(child.spawn().unwrap());
        let port = self.port.to_string();
        until("the server lets somebody in", async || {
            let ready = Command::new(self.bin.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status();
            ready.unwrap().success()
        })
        .await;
    }

    /// `kill -9` of the whole of it: the postmaster, and with it its children.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Its children see that it is gone, and go.
        let segment = self.data().join("postmaster.pid");
        let _ = std::fs::remove_file(segment);
        let port = self.port;
        until("the port is free", async || {
            std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
        })
        .await;
    }

    /// An orderly end.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn login(&self, database: &str) -> Login {
        Login {
            user: "postgres".to_owned(),
            database: database.to_owned(),
            password: None,
            host: Some("127.0.0.1".to_owned()),
            port: self.port,
        }
    }

    /// This machine, with the server's programs first on the `PATH`.
    pub(crate) fn place(&self) -> Local {
        let path = std::env::var("PATH").unwrap();
        Local {
            environment: vec![("PATH".to_owned(), format!("{}:{path}", self.bin.display()))],
            prefix: Vec::new(),
        }
    }

    /// Runs SQL with the server's own `psql`; panics where it fails.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let done = self.try_sql(database, sql);
        done.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(self.bin.join("psql"))
            .args([
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-h",
                "127.0.0.1",
            ])
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql])
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            // Immediate shutdown: its children end with it.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            let _ = child.wait();
        }
    }
}

fn command(bin: &Path, program: &str) -> Command {
    let mut words = unprivileged();
    words.push(bin.join(program).display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir("/");
    command
}
