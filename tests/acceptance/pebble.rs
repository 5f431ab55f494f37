//! Debian's `pebble`, an ACME authority for tests, with the name server that it asks.
//!
//! It asks for proofs on ports that it is told, instead of 80 and 443. All its state is lost when
//! it ends.

use crate::authority::Authority;
use crate::site::{free_address, kill};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// A running authority; ended when dropped.
pub(crate) struct Pebble {
    folder: TempDir,
    address: SocketAddr,
    management: SocketAddr,
    names: SocketAddr,
    names_management: SocketAddr,
    server: Option<Child>,
    name_server: Option<Child>,
}

impl Pebble {
    /// `None`: not on this machine, and said so. `http` and `https` are where it looks for proofs;
    /// its certificates live for `life`.
    pub(crate) fn start(
        test: &str,
        http: SocketAddr,
        https: SocketAddr,
        life: Duration,
    ) -> Option<Self> {
        for program in ["pebble", "pebble-challtestsrv"] {
            if !is_installed(program) {
                let required = std::env::var_os(REQUIRE).is_some_and(|value| value == "1");
                assert!(
                    !required,
                    "{program} is not on this machine, and {REQUIRE}=1"
                );
                let _ = writeln!(std::io::stderr(), "skipped for want of {program}: {test}");
                return None;
            }
        }
        let mut pebble = Self {
            folder: tempfile::tempdir().unwrap(),
            address: free_address(),
            management: free_address(),
            names: free_address(),
            names_management: free_address(),
            server: None,
            name_server: None,
        };
        pebble.configure(http, https, life);
        pebble.name_server = Some(pebble.start_names());
        pebble.begin();
        Some(pebble)
    }

    fn configure(&self, http: SocketAddr, https: SocketAddr, life: Duration) {
        let authority = Authority::new();
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        authority.write("127.0.0.1", &certificate, &key);
        std::fs::write(self.ca(), &authority.certificate).unwrap();
        let config = serde_json::json!({"pebble": {
            "listenAddress": self.address.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": http.port(),
            "tlsPort": https.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": life.as_secs(),
        }});
        std::fs::write(self.path("config.json"), config.to_string()).unwrap();
    }

    /// Knows no name at first.
    fn start_names(&self) -> Child {
        let child = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", "", "-defaultIPv6", ""])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &self.names.to_string()])
            .args(["-management", &self.names_management.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        reachable(self.names_management);
        child
    }

    fn begin(&mut self) {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let child = Command::new("pebble")
            .arg("-config")
            .arg(self.path("config.json"))
            .args(["-dnsserver", &self.names.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_VA_ALWAYS_VALID", "0")
            // Each proof is looked at.
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(child);
        reachable(self.address);
        reachable(self.management);
    }

    /// Ends it and starts it again: it has forgotten every account.
    pub(crate) fn forget(&mut self) {
        end(self.server.take());
        self.begin();
    }

    /// From now on `host` leads to this machine.
    pub(crate) fn knows(&self, host: &str) {
        let body = format!("{{\"host\": \"{host}\", \"addresses\": [\"127.0.0.1\"]}}");
        let answer = crate::site::request(self.names_management, "POST", "/add-a", body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// Who signed its own certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Who signs what it issues.
    pub(crate) fn root(&self) -> String {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--cacert"])
            .arg(self.ca())
            .arg(format!("https://{}/roots/0", self.management))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        let log = std::fs::File::open(self.path("log"));
        let _ = log.and_then(|mut log| log.read_to_string(&mut text));
        let mut all = String::new();
        let _ = writeln!(all, "--- pebble\n{text}");
        all
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        end(self.server.take());
        end(self.name_server.take());
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        kill(child.id() as i32);
        let _ = child.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn reachable(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nobody answers on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
