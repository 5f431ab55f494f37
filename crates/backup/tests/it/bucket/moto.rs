//! moto, which plays S3 over HTTP.

use crate::support::skip;
use mainstay_backup::S3;
use mainstay_backup::store::{Bucketed, Patience};
use mainstay_model::Secret;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const ACCESS_KEY: &str = "AKIAEXAMPLEOFATEST";
pub(crate) const SECRET_KEY: &str = "s3cret/of+a=test";

/// For it to come up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Moto {
    server: Child,
    pub(crate) address: SocketAddr,
}

impl Moto {
    /// `None`: it is not on this machine, and the test says so.
    pub(crate) fn start(test: &'static str) -> Option<Self> {
        Self::start_with(test, &[])
    }

    /// With more arguments: a certificate.
    pub(crate) fn start_with(test: &'static str, more: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            skip("moto_server", test);
            return None;
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self { server, address };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = moto.server.try_wait().unwrap();
            assert!(ended.is_none(), "moto ended: {ended:?}");
            assert!(Instant::now() < deadline, "moto does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(moto)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Where the set-up of the tests puts it, or on the `PATH`.
fn program() -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/moto/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([peers])
        .map(|folder| folder.join("moto_server"))
        .find(|file| file.is_file())
}

/// A bucket of the tests at an address.
pub(crate) fn s3(address: SocketAddr, prefix: &str) -> S3 {
    S3 {
        endpoint: format!("http://{address}"),
        bucket: "backups".to_owned(),
        prefix: prefix.to_owned(),
        region: "eu-central-1".to_owned(),
        access_key: Secret::new(ACCESS_KEY.to_owned()),
        secret_key: Secret::new(SECRET_KEY.to_owned()),
        session_token: None,
        path_style: true,
    }
}

/// A store that soon loses its patience.
pub(crate) fn store(address: SocketAddr, prefix: &str) -> Bucketed {
    let patience = Patience {
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(2),
        request: Duration::from_secs(30),
        pause: Duration::from_millis(5),
        tries: 4,
    };
    Bucketed::new(&s3(address, prefix), patience).unwrap()
}
