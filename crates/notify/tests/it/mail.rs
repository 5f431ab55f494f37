//! Mail to a real server of SMTP, in the clear and encrypted, with each way to authenticate.

use crate::support::{
    NOW, PATIENCE, alert, await_port, block_on, free_port, integration, notification, sender,
};
use mainstay_alert::AlertStatus::Firing;
use mainstay_notify::{Failure, FailureKind};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

pub(crate) struct Peer {
    child: Child,
    pub(crate) port: u16,
    lines: mpsc::Receiver<String>,
    directory: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says it past the capture of a test's output.
fn skipped(line: &str) {
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// A Python that has aiosmtpd.
fn python() -> Option<PathBuf> {
    let peers = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/peers/aiosmtpd/bin/python3"
    );
    [
        PathBuf::from(peers),
        "/usr/bin/python3".into(),
        "python3".into(),
    ]
    .into_iter()
    .find(|python| {
        let has = Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .stderr(Stdio::null())
            .status();
        has.is_ok_and(|status| status.success())
    })
}

impl Peer {
    /// `None` where there is no aiosmtpd.
    pub(crate) fn start(port: u16, mode: &str, mechanisms: &str) -> Option<Self> {
        let Some(python) = python() else {
            skipped("skipped for want of aiosmtpd: mails to a real server\n");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(directory.path().join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(
            directory.path().join("key.pem"),
            signing_key.serialize_pem(),
        )
        .unwrap();
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/smtp.py"))
            .args([&port.to_string(), mode, mechanisms])
            .args([
                directory.path().join("cert.pem"),
                directory.path().join("key.pem"),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(64);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let peer = Self {
            child,
            port,
            lines,
            directory,
        };
        if peer.lines.recv_timeout(PATIENCE).is_err() && port < 1024 {
            skipped(&format!("skipped: port {port} is somebody else's\n"));
            return None;
        }
        Some(peer)
    }

    pub(crate) fn next(&self) -> Value {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .expect("a line of the mail server");
        serde_json::from_str(&line).unwrap()
    }

    /// Sends one mail; `more` is what the receiver says beside the addresses.
    fn send(&self, more: &str) -> Result<(), Failure> {
        let text = format!(
            "  email_configs: [{{to: 'Ops <ops@example.org>, b@example.org', from: 'Mainstay <m@example.org>', smarthost: '127.0.0.1:{}', hello: mainstay.test, {more}}}]",
            self.port
        );
        let integration = integration(&text);
        let notification = notification(&integration, vec![alert(Firing, "ä")]);
        block_on(sender().send(&integration, &notification, NOW, PATIENCE))
    }

    fn ca(&self) -> String {
        format!(
            "tls_config: {{ca_file: '{}'}}",
            self.directory.path().join("cert.pem").display()
        )
    }
}

/// The value of a header, unfolded.
fn header(mail: &Value, name: &str) -> String {
    let text = mail["text"].as_str().unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let line = head
        .lines()
        .find(|line| line.starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
        .split_once(": ")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn a_mail_in_the_clear() {
    let Some(peer) = Peer::start(free_port(), "plain", "PLAIN,LOGIN") else {
        return;
    };
    peer.send("require_tls: false, text: \"plain: {{ .Status }}\\n.\\n.dots\", headers: {Reply-To: r@example.org, X-Own: \"{{ .Status }}\\r\\nInjected: yes\"}").unwrap();
    let mail = peer.next();
    assert_eq!(mail["hello"], "mainstay.test");
    assert_eq!(mail["from"], "m@example.org");
    assert_eq!(
        mail["to"],
        serde_json::json!(["ops@example.org", "b@example.org"])
    );
    assert_eq!(
        (mail["encrypted"].as_bool(), mail["user"].as_str()),
        (Some(false), None)
    );
    assert_eq!(header(&mail, "From"), "Mainstay <m@example.org>");
    assert_eq!(header(&mail, "To"), "Ops <ops@example.org>, b@example.org");
    assert_eq!(header(&mail, "Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
    assert_eq!(header(&mail, "Reply-To"), "r@example.org");
    assert_eq!(header(&mail, "X-Own"), "firing Injected: yes");
    assert!(header(&mail, "Message-ID").ends_with(".0@mainstay.test>"));
    assert!(
        header(&mail, "Subject").contains("=?utf-8?"),
        "{}",
        header(&mail, "Subject")
    );
    assert!(header(&mail, "Content-Type").starts_with("multipart/alternative"));
    let text = mail["text"].as_str().unwrap();
    let plain = text.find("text/plain").unwrap();
    let html = text.find("text/html").unwrap();
    assert!(plain < html, "the best part is the last one");
    assert!(text.contains("plain: firing\r\n"), "{text}");
    assert!(text.contains("\r\n.dots"), "{text}");
}

#[test]
fn a_mail_by_starttls_with_each_way_to_authenticate() {
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let Some(peer) = Peer::start(free_port(), "starttls", mechanism) else {
            return;
        };
        let secrets = "auth_username: user, auth_password: pass-word, auth_secret: cram-secret";
        peer.send(&format!("{secrets}, {}", peer.ca())).unwrap();
        let mail = peer.next();
        assert_eq!(
            (mail["encrypted"].as_bool(), mail["user"].as_str()),
            (Some(true), Some("user"))
        );
        let wrong = "auth_username: user, auth_password: hidden-word, auth_secret: hidden-secret";
        let failure = peer.send(&format!("{wrong}, {}", peer.ca())).unwrap_err();
        assert_eq!(
            (failure.retry, failure.kind),
            (false, FailureKind::Authentication),
            "{failure:?}"
        );
        assert!(!format!("{failure:?}").contains("hidden"), "{failure:?}");
    }
}

#[test]
fn a_mail_over_tls_from_the_first_byte() {
    if std::net::TcpListener::bind("127.0.0.1:465").is_err() {
        skipped("skipped: port 465 cannot be opened here\n");
        return;
    }
    let Some(peer) = Peer::start(465, "tls", "PLAIN") else {
        return;
    };
    await_port(465);
    peer.send(&format!(
        "auth_username: user, auth_password: pass-word, {}",
        peer.ca()
    ))
    .unwrap();
    let mail = peer.next();
    assert_eq!(
        (mail["encrypted"].as_bool(), mail["user"].as_str()),
        (Some(true), Some("user"))
    );
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing() {
    let Some(peer) = Peer::start(free_port(), "starttls", "PLAIN") else {
        return;
    };
    let failure = peer
        .send("auth_username: user, auth_password: pass-word")
        .unwrap_err();
    assert!(
        failure.retry && failure.message.starts_with("TLS with 127.0.0.1"),
        "{failure:?}"
    );
    peer.send("tls_config: {insecure_skip_verify: true}")
        .unwrap();
    assert_eq!(peer.next()["encrypted"], true);
}

#[test]
fn required_tls_that_is_not_offered_is_told() {
    let Some(peer) = Peer::start(free_port(), "plain", "PLAIN") else {
        return;
    };
    let failure = peer.send("text: x").unwrap_err();
    assert!(
        failure.message.contains("does not offer STARTTLS"),
        "{failure:?}"
    );
}

#[test]
fn addresses_are_judged_by_the_server_and_by_us() {
    let Some(peer) = Peer::start(free_port(), "plain", "PLAIN") else {
        return;
    };
    let to = |address: &str| {
        let text = format!(
            "  email_configs: [{{to: '{address}', from: m@example.org, smarthost: '127.0.0.1:{}', require_tls: false}}]",
            peer.port
        );
        let integration = integration(&text);
        let notification = notification(&integration, vec![alert(Firing, "a")]);
        block_on(sender().send(&integration, &notification, NOW, PATIENCE)).unwrap_err()
    };
    let failure = to("nobody@example.org");
    assert_eq!((failure.retry, failure.kind), (false, FailureKind::Client));
    assert_eq!(
        failure.message,
        "the mail server answered 550: no such user"
    );
    let failure = to("later@example.org");
    assert_eq!((failure.retry, failure.kind), (true, FailureKind::Server));
    let failure = to("no address");
    assert_eq!(
        (failure.retry, failure.kind),
        (false, FailureKind::Configuration)
    );
}
