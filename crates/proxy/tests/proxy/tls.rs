//! Encrypted listeners: certificates by name, changed on disk, and handshakes that come to nothing.

use crate::secure::{Authority, connect, handshakes, is_installed, names_of, secured, serving};
use crate::support::{DEADLINE, Proxy, Raw, Reply, Upstream, eventually, text};
use hyper::Request;
use hyper::body::Incoming;
use mainstay_proxy::config::{CertificateStatus, Hsts, Secure, TlsVersion};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Answers with what the proxy told of the client's side.
async fn told(request: Request<Incoming>) -> Reply {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .map_or("-", |value| value.to_str().unwrap())
            .to_owned()
    };
    let version = request.version();
    let (proto, host) = (header("x-forwarded-proto"), header("host"));
    text(format!("{version:?} {proto} {host} {}", header("cookie")))
}

async fn look(proxy: &Proxy) -> CertificateStatus {
    proxy.status().await.certificates.remove(0)
}

fn hang_up(proxy: &Proxy) {
    let pid = Pid::from_raw(i32::try_from(proxy.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

#[tokio::test]
async fn http_1_goes_on_under_encryption() {
    let app = Upstream::serving(told).await;
    let (proxy, authority, mut config, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut client = authority.http1(address, "app.test").await;
    for _ in 0..2 {
        let answer = client.get("/").await;
        assert_eq!(answer.text(), "HTTP/1.1 https app.test -");
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    let both =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(both).await;
    assert_eq!(
        client.answer().await.status,
        400,
        "lengths are watched as ever"
    );
    assert!(client.is_ended().await);

    config.revision = 2;
    config.listeners[0].tls = Some(Secure {
        hsts: Some(Hsts {
            max_age: Duration::from_secs(31_536_000),
            include_subdomains: true,
            preload: false,
        }),
    });
    proxy.client.apply(&config).await.unwrap();
    let mut client = authority.http1(address, "app.test").await;
    assert_eq!(
        client.get("/").await.header("strict-transport-security"),
        Some("max-age=31536000; includeSubDomains")
    );
}

#[tokio::test]
async fn the_certificate_is_chosen_by_the_name_asked_for() {
    let app = Upstream::named("app").await;
    let authority = Authority::new();
    let certificates = vec![
        authority.write("first", &["first.test"]),
        authority.write("wild", &["*.app.test"]),
        authority.write("exact", &["www.app.test", "app.test"]),
    ];
    let (config, address) = secured(vec![app.endpoint("app-1")], certificates);
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    let client = Arc::new(authority.client(&["http/1.1"]));
    for (host, names) in [
        ("first.test", &["first.test"][..]),
        ("App.Test", &["www.app.test", "app.test"]),
        ("www.app.test", &["www.app.test", "app.test"]),
        ("api.app.test", &["*.app.test"]),
    ] {
        let stream = connect(&client, address, host).await.unwrap();
        assert_eq!(names_of(&stream), names, "{host}");
    }
    // Another name gets the first, which that client does not believe.
    for host in ["other.test", "a.b.app.test", "127.0.0.1"] {
        let error = connect(&client, address, host).await.unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }
    eventually("they are counted", async || {
        handshakes(&proxy, "served").await == 4 && handshakes(&proxy, "refused").await == 3
    })
    .await;
    let metrics = proxy.client.metrics().await.unwrap();
    let end = look(&proxy).await.not_after.unwrap().as_millis() / 1000;
    let sample = "mainstay_proxy_certificate_expiry_timestamp_seconds\
                  {certificate=\"first\",host=\"first.test\"}";
    assert!(metrics.contains(&format!("{sample} {end}\n")), "{metrics}");
}

#[tokio::test]
async fn changed_files_are_served_and_connections_go_on() {
    let app = Upstream::named("app").await;
    let (proxy, authority, config, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut open = authority.http1(address, "app.test").await;
    let mut open2 = authority.http2(address, "app.test").await;
    let before = look(&proxy).await;
    assert_eq!((before.names.len(), before.problem), (1, None));

    authority.write("app", &["app.test", "more.test"]);
    hang_up(&proxy);
    eventually("the new one is served", async || {
        look(&proxy).await.names.len() == 2
    })
    .await;
    let mut client = authority.http1(address, "more.test").await;
    assert_eq!(client.get("/").await.text(), "app");
    assert_eq!(open.get("/").await.text(), "app");
    assert_eq!(open2.get("/").await.into_body(), "app");

    // Without a signal as well; a key that does not belong there yet changes nothing.
    let (other, key) = authority.sign(&["third.test"]);
    let file = &config.tls.certificates[0];
    std::fs::write(&file.certificate, &other).unwrap();
    eventually("the problem is told", async || {
        look(&proxy).await.problem.is_some()
    })
    .await;
    let told = look(&proxy).await;
    let problem = told.problem.unwrap();
    assert!(
        problem.contains("does not belong to the certificate"),
        "{problem}"
    );
    assert_eq!(told.names.len(), 2, "the one before is kept");
    let mut client = authority.http1(address, "more.test").await;
    assert_eq!(client.get("/").await.text(), "app");
    std::fs::write(&file.key, key).unwrap();
    eventually("both files belong together", async || {
        look(&proxy).await.names == ["third.test"]
    })
    .await;
    assert_eq!(look(&proxy).await.problem, None);

    // A file that is gone costs nothing either, until the proxy starts again.
    std::fs::remove_file(&file.key).unwrap();
    hang_up(&proxy);
    eventually("it is missed", async || {
        look(&proxy).await.problem.is_some()
    })
    .await;
    assert_eq!(open.get("/").await.text(), "app");
    authority.http1(address, "third.test").await;
}

#[tokio::test]
async fn a_certificate_that_is_missing_takes_down_its_own_names_only() {
    let app = Upstream::named("app").await;
    let authority = Authority::new();
    let certificates = vec![
        authority.file("later"),
        authority.write("app", &["app.test"]),
    ];
    let (config, address) = secured(vec![app.endpoint("app-1")], certificates);
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    let problem = look(&proxy).await.problem.unwrap();
    assert!(problem.contains("later.crt"), "{problem}");
    let mut client = authority.http1(address, "app.test").await;
    assert_eq!(client.get("/").await.text(), "app");
    // Also for a proxy that starts by itself.
    let directory = proxy.kill();
    let proxy = Proxy::start_in(directory).await;
    authority.http1(address, "app.test").await;
    authority.write("later", &["later.test"]);
    eventually("it is found", async || look(&proxy).await.problem.is_none()).await;
    authority.http1(address, "later.test").await;
}

#[tokio::test]
async fn without_any_certificate_handshakes_fail_and_say_so() {
    let authority = Authority::new();
    let (config, address) = secured(Vec::new(), Vec::new());
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    let client = Arc::new(authority.client(&["http/1.1"]));
    assert!(connect(&client, address, "app.test").await.is_err());
    eventually("it is counted", async || {
        handshakes(&proxy, "no_certificate").await == 1
    })
    .await;
}

#[tokio::test]
async fn clients_resume_across_changes() {
    let app = Upstream::named("app").await;
    let (proxy, authority, mut config, address) = serving(vec![app.endpoint("app-1")]).await;
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let client = Arc::new(authority.client_of(&["http/1.1"], versions));
        let mut first = Raw::of(connect(&client, address, "app.test").await.unwrap());
        // The tickets of TLS 1.3 come with the first answer.
        assert_eq!(first.get("/").await.text(), "app");
        authority.write("app", &["app.test"]);
        config.revision += 1;
        proxy.client.apply(&config).await.unwrap();
        let mut again = Raw::of(connect(&client, address, "app.test").await.unwrap());
        assert_eq!(again.get("/").await.text(), "app");
        let kind = again.stream.get_ref().1.handshake_kind().unwrap();
        assert_eq!(kind, rustls::HandshakeKind::Resumed, "{versions:?}");
    }
}

#[tokio::test]
async fn old_versions_are_refused_where_the_configuration_says_so() {
    let app = Upstream::named("app").await;
    let (proxy, authority, mut config, address) = serving(vec![app.endpoint("app-1")]).await;
    let old = Arc::new(authority.client_of(&["http/1.1"], &[&rustls::version::TLS12]));
    connect(&old, address, "app.test").await.unwrap();
    config.tls.min_version = TlsVersion::Tls13;
    config.revision = 2;
    proxy.client.apply(&config).await.unwrap();
    assert!(connect(&old, address, "app.test").await.is_err());
    authority.http1(address, "app.test").await;
    let strange = Arc::new(authority.client(&["spdy/1"]));
    assert!(connect(&strange, address, "app.test").await.is_err());
    eventually("they are counted", async || {
        handshakes(&proxy, "incompatible").await == 2
    })
    .await;
}

#[tokio::test]
async fn handshakes_are_bounded_in_time_and_number() {
    let app = Upstream::named("app").await;
    let (proxy, authority, mut config, address) = serving(vec![app.endpoint("app-1")]).await;
    config.tls.handshake_timeout = Duration::from_millis(200);
    config.revision = 2;
    proxy.client.apply(&config).await.unwrap();
    for said in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let mut silent = Raw::connect(address).await;
        silent.send(said).await;
        assert!(silent.is_ended().await);
    }
    eventually("they are counted", async || {
        handshakes(&proxy, "too_slow").await == 2
    })
    .await;

    config.tls.handshake_timeout = Duration::from_secs(60);
    config.tls.max_handshakes = 2;
    config.revision = 3;
    proxy.client.apply(&config).await.unwrap();
    // Who was accepted may still be without its place, and lose it to the next: so until one is turned away.
    let client = Arc::new(authority.client(&["http/1.1"]));
    let mut waiting = Vec::new();
    let turned_away = async {
        while connect(&client, address, "app.test").await.is_ok() {
            waiting.push(TcpStream::connect(address).await.unwrap());
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, turned_away).await;
    in_time.expect("one is turned away");
    eventually("that is counted", async || {
        handshakes(&proxy, "too_many").await > 0
    })
    .await;
    drop(waiting);
    eventually("there is room again", async || {
        connect(&client, address, "app.test").await.is_ok()
    })
    .await;
    eventually("those who waited are counted", async || {
        handshakes(&proxy, "closed").await >= 1
    })
    .await;
}

#[tokio::test]
async fn who_speaks_plainly_is_told_so() {
    let app = Upstream::named("app").await;
    let (proxy, _authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut plain = Raw::connect(address).await;
    let answer = plain.get("/").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("use https"), "{}", answer.text());
    assert!(plain.is_ended().await);
    let mut garbage = Raw::connect(address).await;
    garbage.send(b"\x16\x03\x01\x00\x05hello").await;
    while !garbage.is_ended().await {
        garbage.bytes(1).await;
    }
    eventually("they are counted", async || {
        handshakes(&proxy, "not_tls").await == 1 && handshakes(&proxy, "malformed").await == 1
    })
    .await;
    assert_eq!(app.count(), 0);
}

#[tokio::test]
async fn a_websocket_goes_through() {
    let app = Upstream::serving(crate::websocket::echo).await;
    let (_proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let mut client = authority.http1(address, "app.test").await;
    client.send(format!("{}early", crate::websocket::ASK)).await;
    assert_eq!(client.answer().await.status, 101);
    assert_eq!(client.bytes(11).await, b"hello early");
    client.send("more").await;
    assert_eq!(client.bytes(4).await, b"more");
}

#[tokio::test]
async fn a_configuration_without_sense_is_refused() {
    let authority = Authority::new();
    let proxy = Proxy::start().await;
    let (mut config, _) = secured(Vec::new(), vec![authority.file("a"), authority.file("a")]);
    config.tls.certificates[1].key = "relative.key".into();
    config.tls.max_handshakes = 0;
    config.listeners[0].redirect = Some(mainstay_proxy::config::Redirect {
        port: 0,
        except: vec!["health".to_owned()],
    });
    config
        .challenges
        .http
        .insert("a/b".to_owned(), String::new());
    let words = proxy.client.apply(&config).await.unwrap_err().to_string();
    for problem in [
        "certificate a: the name is used twice",
        "certificate a: `relative.key` is not an absolute path",
        "tls: max_handshakes is zero",
        "listener main: only plain HTTP can be redirected",
        "listener main: it redirects to port 0",
        "listener main: redirect: `health` is not a path",
        "challenges: `a/b` is not a token",
    ] {
        assert!(words.contains(problem), "{problem}\n{words}");
    }
    // What the protocol before could not say, it does not say.
    let (mut config, _) = secured(Vec::new(), Vec::new());
    config.protocol = 1;
    let words = proxy.client.apply(&config).await.unwrap_err().to_string();
    assert!(words.contains("protocol 1 cannot say"), "{words}");
}

/// Runs a peer as a client and gives what it printed.
async fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = tokio::process::Command::from(Command::new(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let waiting = tokio::time::timeout(crate::support::DEADLINE, child.wait_with_output());
    let output = waiting.await.expect("the peer ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    format!("{said}{}", String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn curl_understands_it() {
    if !is_installed("curl", "curl_understands_it") {
        return;
    }
    let app = Upstream::serving(told).await;
    let (_proxy, authority, _, address) = serving(vec![app.endpoint("app-1")]).await;
    let ca = authority.path("ca.pem").display().to_string();
    for (version, said) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let port = address.port();
        let said = format!("HTTP/1.1 https app.test:{port} a=1; b=2 {said}");
        assert_eq!(curl(address, &ca, version).await, said);
    }
}

#[tokio::test]
async fn openssl_understands_it() {
    if !is_installed("openssl", "openssl_understands_it") {
        return;
    }
    let (_proxy, authority, _, address) = serving(Vec::new()).await;
    let ca = authority.path("ca.pem").display().to_string();
    let place = address.to_string();
    for (version, line) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let arguments = [
            "s_client",
            "-connect",
            &place,
            "-servername",
            "app.test",
            "-CAfile",
            &ca,
            "-verify_hostname",
            "app.test",
            "-alpn",
            "h2",
            version,
        ];
        let said = run("openssl", &arguments, "").await;
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(said.contains("ALPN protocol: h2"), "{said}");
        assert!(said.contains(line), "{said}");
    }
}

async fn curl(address: SocketAddr, ca: &str, version: &str) -> String {
    let url = format!("https://app.test:{}/", address.port());
    let resolve = format!("app.test:{}:127.0.0.1", address.port());
    let arguments = [
        "--silent",
        "--show-error",
        "--cacert",
        ca,
        "--resolve",
        &resolve,
        version,
        "--cookie",
        "a=1; b=2",
        "--write-out",
        " %{http_version}",
        &url,
    ];
    run("curl", &arguments, "").await
}
