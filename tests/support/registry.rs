//! A registry of our own on a free port, which asks for a password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

const USER: &str = "deployer";
/// Encodes to characters that only one of the two base64 alphabets has.
const PASSWORD: &str = "p?ss>~p?ss>~p?ss>~";

pub(crate) struct Registry {
    child: Child,
    pub(crate) port: u16,
    directory: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let users = directory.path().join("htpasswd");
        std::fs::write(&users, format!("{USER}:{}\n", bcrypt())).unwrap();
        let mut config = String::new();
        let storage = directory.path().join("storage");
        let _ = writeln!(config, "version: 0.1\nlog: {{level: error}}");
        let _ = writeln!(
            config,
            "storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}",
            storage.display()
        );
        let _ = writeln!(config, "http: {{addr: '127.0.0.1:{port}'}}");
        let _ = writeln!(
            config,
            "auth: {{htpasswd: {{realm: test, path: {}}}}}",
            users.display()
        );
        let file = directory.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(directory.path().join("log"));
            assert!(
                child.try_wait().unwrap().is_none() && Instant::now() < deadline,
                "the registry does not come up: {}",
                log.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            port,
            directory,
        }
    }
}

impl Registry {
    /// A directory with the `config.json` of somebody who is logged in.
    pub(crate) fn logins(&self) -> PathBuf {
        let folder = self.directory.path().join("logins");
        std::fs::create_dir_all(&folder).unwrap();
        let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let config = format!(
            r#"{{"auths": {{"127.0.0.1:{}": {{"auth": "{auth}"}}}}}}"#,
            self.port
        );
        std::fs::write(folder.join("config.json"), config).unwrap();
        folder
    }
}

/// Whether this machine has the program.
pub(crate) fn is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("docker-registry").is_file())
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Of [`PASSWORD`]; the registry takes no other form.
fn bcrypt() -> &'static str {
    "$2y$05$BlOG8MmFDcA71u7WtU4iI..iOVD.veJhDisvj8ZxNG3LbuDDoL0Du"
}
