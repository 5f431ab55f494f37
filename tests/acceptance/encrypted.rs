//! A stack under https: with certificates from files.

use crate::authority::{Authority, client, load, shown};
use crate::site::{QUICK, Site, compose, free_address, request_as};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A stack with the route host `app.test`, encrypted with a file.
struct Encrypted {
    site: Site,
    https: SocketAddr,
    authority: Authority,
    certificate: PathBuf,
    key: PathBuf,
}

/// `QUICK` with a route for hosts only.
pub(crate) fn for_hosts(hosts: &str) -> String {
    QUICK.replace("  - path: /\n", &format!("  - host: [{hosts}]\n"))
}

impl Encrypted {
    fn new() -> Self {
        let site = Site::empty();
        site.write("compose.yaml", &compose(2, ""));
        site.write("mainstay.yaml", &for_hosts("app.test"));
        let https = free_address();
        site.write(
            ".mainstay/server.yaml",
            &format!(
                "proxy:\n  https: {https}\n  redirect: {{except: [/health/plain]}}\n  hsts: {{max_age: 1h}}\n\
                 tls:\n  certificates:\n    - {{certificate: app.pem, key: app.key}}\n"
            ),
        );
        let data = site.path().join(".mainstay");
        let (certificate, key) = (data.join("app.pem"), data.join("app.key"));
        let authority = Authority::new();
        authority.write("app.test", &certificate, &key);
        Self {
            site,
            https,
            authority,
            certificate,
            key,
        }
    }

    fn serial(&self) -> Option<String> {
        let client = client(&self.authority.certificate, "h2");
        shown(&client, self.https, "app.test").map(|facts| facts.serial)
    }
}

/// Deploys and a new certificate under load: not one failed request, not one lost connection.
#[test]
fn deploys_and_new_certificates_go_unnoticed() {
    let place = Encrypted::new();
    let site = &place.site;
    site.up();
    let url = format!("https://app.test:{}/", place.https.port());
    site.eventually("the certificate is seen", || {
        site.ok(&["status"]).contains(&url)
    });
    let trusting = client(&place.authority.certificate, "h2");
    let load = load(trusting, place.https, "app.test");

    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    let before = place.serial().unwrap();
    place
        .authority
        .write("app.test", &place.certificate, &place.key);
    site.eventually("the new certificate is served", || {
        place.serial().is_some_and(|serial| serial != before)
    });
    site.deploy("blue-green", &["GREETING=three"]).with_code(0);

    let seen = load.seen();
    seen.no_failed_request();
    let releases: Vec<&str> = seen.releases.keys().map(String::as_str).collect();
    assert_eq!(releases, ["r1", "r2", "r3"], "{seen:?}");

    let plain = request_as("app.test", site.proxy, "/a?b=c");
    assert_eq!(plain.status, 308, "{plain:?}");
    let location = format!("{url}a?b=c");
    assert_eq!(plain.header("location"), Some(location.as_str()));
    let plain = request_as("app.test", site.proxy, "/health/plain");
    assert_ne!(plain.status, 308, "{plain:?}");
}

/// What is wrong with a certificate is said, and changes nothing of what is served.
#[test]
fn a_wrong_certificate_is_told_and_harms_nobody() {
    let place = Encrypted::new();
    let site = &place.site;
    site.up();
    let before = place.serial().unwrap();
    let all = site.json(&["certificates"]);
    assert_eq!(all[0]["source"], "file");
    assert_eq!(all[0]["names"][0], "app.test");
    assert_eq!(all[0]["issuer"], "Scenario Authority");

    std::fs::write(&place.key, "no key").unwrap();
    site.eventually("doctor says so", || {
        let doctor = site.run(&["doctor"]);
        doctor.out().contains("certificate-problem")
    });
    site.run(&["certificates"])
        .with_code(0)
        .says("app.test")
        .says("holds no PEM private key");
    assert_eq!(place.serial(), Some(before), "it is still served");
    // Also by a control plane that starts anew.
    site.kill_server();
    site.start_server();
    assert!(place.serial().is_some());
    site.run(&["certificates", "renew", "app.test"])
        .with_code(1)
        .says("no authority is asked");
    place
        .authority
        .write("app.test", &place.certificate, &place.key);
    site.eventually("all is well", || {
        site.run(&["doctor"]).output.status.success()
    });
}

/// The proxy itself has the other port by then, and is not to be ended.
#[test]
fn a_taken_port_for_https_is_told_with_who_has_it() {
    let place = Encrypted::new();
    let taken = std::net::TcpListener::bind(place.https).unwrap();
    place
        .site
        .run(&["up", "--detach"])
        .with_code(1)
        .says(&format!("{} is taken by", place.https))
        .says(&format!("(pid {})", std::process::id()))
        .says("`proxy.https`");
    drop(taken);
    place.site.up();
    assert!(place.serial().is_some());
}

/// Every problem at once, each with its place; a server does not start on it.
#[test]
fn a_wrong_server_file_is_refused() {
    let site = Site::empty();
    let text = "proxy:\n  htps: 1\n  https: nowhere\njournal: {retention: 1h}\n";
    site.write("data/server.yaml", text);
    site.run(&["serve", "--check", "--directory", "data"])
        .with_code(2)
        .says("did you mean `https`?")
        .says("`nowhere` is not an address and a port")
        .says("events are kept for a day at least");
    site.run(&["serve", "--directory", "data"])
        .with_code(2)
        .says("server.yaml cannot be used");
    site.write("data/server.yaml", "log: {level: debug}\n");
    site.run(&["serve", "--check", "--directory", "data"])
        .with_code(0)
        .says("ok");
}

/// systemd's own word on a unit.
fn verify(unit: &Path) {
    let Ok(output) = Command::new("systemd-analyze")
        .arg("verify")
        .arg(unit)
        .output()
    else {
        let required = std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!required, "systemd-analyze is not on this machine");
        let test = "the_unit_that_is_installed_starts_a_server";
        let _ = writeln!(
            std::io::stderr(),
            "skipped for want of systemd-analyze: {test}"
        );
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It also speaks of units of the machine that it meets on the way.
    let ours = said.lines().filter(|line| line.contains("mainstay"));
    let ours: Vec<&str> = ours.collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

/// The unit is one that systemd understands, and what it starts is a server that says it is ready.
#[test]
fn the_unit_that_is_installed_starts_a_server() {
    let site = Site::empty();
    let dry = site.ok(&["install", "--dry-run"]);
    assert!(
        dry.contains("KillMode=process") && dry.contains("systemctl enable mainstay"),
        "{dry}"
    );
    site.ok(&[
        "install",
        "--root",
        "package",
        "--directory",
        "data",
        "--user",
        "root",
    ]);
    let unit = site
        .path()
        .join("package/etc/systemd/system/mainstay.service");
    verify(&unit);
    let text = std::fs::read_to_string(&unit).unwrap();
    let start = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some(env!("CARGO_BIN_EXE_mainstay")));
    let arguments: Vec<&str> = words.collect();

    let told = site.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&told).unwrap();
    socket
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .unwrap();
    let mut server = site
        .command(&arguments)
        .env("NOTIFY_SOCKET", &told)
        .env("XDG_RUNTIME_DIR", site.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut said = [0; 64];
    let read = socket.recv(&mut said).unwrap();
    assert_eq!(&said[..read], b"READY=1");
    // Its sockets are found whatever environment who asks has.
    site.run(&["token", "list", "--server", "data"])
        .with_code(0);
    crate::site::terminate(server.id() as i32);
    let read = socket.recv(&mut said).unwrap();
    assert_eq!(&said[..read], b"STOPPING=1");
    assert!(server.wait().unwrap().success());
}
