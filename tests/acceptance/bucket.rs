//! Backups that lie in S3: made, listed, verified, drilled, brought back, and a whole stack recovered from there.

use crate::backups::{MAINSTAY, Shop, open_to_all, sql};
use crate::postgres::skipped;
use crate::site::{Site, free_address};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ACCESS_KEY: &str = "AKIAEXAMPLEOFATEST";
const SECRET_KEY: &str = "s3cret/of+a=test";

/// moto, which plays S3 over HTTP.
struct Moto {
    server: Child,
    address: SocketAddr,
}

impl Moto {
    fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            skipped("moto_server", test);
            return None;
        };
        let address = free_address();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self { server, address };
        let deadline = Instant::now() + Duration::from_secs(60);
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

fn settings(address: SocketAddr) -> String {
    format!(
        "{MAINSTAY}  repository:
    s3:
      endpoint: http://{address}
      bucket: shop-backups
      prefix: primary
      region: eu-central-1
      path_style: true
      access_key: backup_access_key
      secret_key: backup_secret_key
secrets:
  backup_access_key: {{from: environment}}
  backup_secret_key: {{from: environment}}
"
    )
}

fn with_credentials(site: &mut Site) {
    site.set("BACKUP_ACCESS_KEY", ACCESS_KEY);
    site.set("BACKUP_SECRET_KEY", SECRET_KEY);
}

#[test]
fn a_stack_whose_backups_lie_in_s3_comes_back_from_there() {
    let test = "a_stack_whose_backups_lie_in_s3_comes_back_from_there";
    let Some(moto) = Moto::start(test) else {
        return;
    };
    let shop = Shop::with(test, |site| {
        with_credentials(site);
        settings(moto.address)
    });
    let Some(shop) = shop else { return };
    let site = &shop.site;
    site.ok(&["backup", "create", "--name", "first"]);
    site.ok(&["backup", "create", "--name", "second"]);
    assert_eq!(shop.points(), ["second", "first"]);
    let own = site.path().join(".mainstay/backups/repositories");
    assert!(!own.exists(), "nothing of it lies here");
    let verified = site.ok(&["backup", "verify", "--percent", "100"]);
    assert!(!verified.contains(SECRET_KEY), "{verified}");
    site.ok(&["backup", "drill"]);
    site.ok(&["backup", "list", "--check"]);
    site.ok(&["backup", "prune"]);

    shop.sql("delete from accounts where id > 10");
    site.write("uploads/one.txt", "spoilt");
    site.ok(&["restore", "--name", "second", "--yes", "--no-safety"]);
    assert_eq!(shop.sum(), "50000");
    let text = std::fs::read_to_string(site.path().join("uploads/one.txt"));
    assert_eq!(text.unwrap(), "the first");

    let key = shop.key().display().to_string();
    let mut elsewhere = Site::empty();
    elsewhere.set("MAINSTAY_PROXY_ADDRESS", &free_address().to_string());
    open_to_all(elsewhere.path());
    let from = format!("s3:http://{}/shop-backups/primary", moto.address);
    let arguments = ["recover", "--from", &from, "--region", "eu-central-1"];
    let more = ["--key-file", &key, "--latest", "--as", "dr"];
    let arguments = [&arguments[..], &more].concat();
    elsewhere
        .run(&arguments)
        .with_code(2)
        .says("AWS_ACCESS_KEY_ID");
    elsewhere.set("AWS_ACCESS_KEY_ID", ACCESS_KEY);
    elsewhere.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    with_credentials(&mut elsewhere);
    let recovered = elsewhere.json(&arguments);
    assert_eq!(recovered["environment"]["state"], "up", "{recovered}");
    elsewhere.set("MAINSTAY_ENV", "dr");
    assert_eq!(sql(&elsewhere, "select sum(amount) from accounts"), "50000");
    // The new machine goes on with the bucket, and with its key.
    elsewhere.ok(&["backup", "create", "--name", "third"]);
    let points = elsewhere.json(&["backup", "list"])["points"].clone();
    assert_eq!(points.as_array().map(Vec::len), Some(3), "{points}");
}
