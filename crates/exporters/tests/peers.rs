//! Each exporter against the real one, on the same machine at the same time: names, types, labels, and
//! the values of what stands still.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mainstay_exporters::host::Host;
use mainstay_exposition::{
    Format, Limits, Meta, MetaKind, MetricType, Point, Reason, Visit, parse,
};

/// For a peer to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page: types by metric, values by series.
#[derive(Debug, Default)]
struct Seen {
    types: BTreeMap<String, MetricType>,
    values: BTreeMap<String, f64>,
}

impl Visit for Seen {
    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        self.values.insert(point.labels()?.to_string(), point.value);
        Ok(())
    }

    fn meta(&mut self, meta: Meta<'_>) -> Result<(), Reason> {
        if let MetaKind::Type(kind) = meta.kind {
            self.types.insert(meta.name.to_owned(), kind);
        }
        Ok(())
    }
}

fn seen(body: &[u8]) -> Seen {
    let mut seen = Seen::default();
    parse(body, Format::Text, &Limits::default(), &mut seen).unwrap();
    seen
}

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture
/// of its output.
fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    if found.is_none() {
        assert!(
            std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_none(),
            "{name} is not here"
        );
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that is ended with the test.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command, port: u16) -> Self {
        let peer = Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(port: u16, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    answer.split_off(end + 4)
}

/// Whether two values are near enough for what stands still, or moves a little meanwhile.
fn near(ours: f64, theirs: f64, part: f64) -> bool {
    (ours - theirs).abs() <= part * theirs.abs().max(1.0)
}

/// Collectors that both have.
const COLLECTORS: [&str; 20] = [
    "conntrack",
    "cpu",
    "diskstats",
    "entropy",
    "filefd",
    "filesystem",
    "loadavg",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "os",
    "pressure",
    "schedstat",
    "sockstat",
    "softnet",
    "stat",
    "time",
    "uname",
    "vmstat",
];

/// What is left to node_exporter to say, each with its reason.
const HOST_SPARED: [&str; 12] = [
    "node_disk_info",               // model and serial of a disk: udev's database
    "node_disk_device_mapper_info", // likewise
    "node_disk_ata_",               // likewise
    "node_disk_filesystem_info",    // likewise
    "node_time_clocksource",        // of no dashboard
    "node_time_zone",               // likewise
    "node_network_protocol_type",   // likewise
    "node_network_speed_bytes",     // less than nothing where there is no speed
    "node_cpu_info",                // switched off by default
    "node_scrape_collector_",       // of the collectors that it has besides
    "node_exporter_build_info",
    "node_textfile_",
];

/// Values that stand still, or move by no more than a part meanwhile.
const HOST_STILL: [(&str, f64); 15] = [
    ("node_memory_MemTotal_bytes", 0.0),
    ("node_memory_SwapTotal_bytes", 0.0),
    ("node_memory_MemAvailable_bytes", 0.2),
    ("node_boot_time_seconds", 0.000_001),
    ("node_filefd_maximum", 0.0),
    ("node_uname_info", 0.0),
    ("node_os_info", 0.0),
    ("node_filesystem_size_bytes", 0.0),
    ("node_filesystem_avail_bytes", 0.1),
    ("node_cpu_seconds_total", 0.05),
    ("node_network_mtu_bytes", 0.0),
    ("node_network_info", 0.0),
    ("node_disk_written_bytes_total", 0.1),
    ("node_context_switches_total", 0.1),
    ("node_vmstat_pgfault", 0.1),
];

#[test]
fn the_host_is_told_as_node_exporter_tells_it() {
    let test = "the_host_is_told_as_node_exporter_tells_it";
    let Some(exporter) = program("prometheus-node-exporter", test) else {
        return;
    };
    let port = free_port();
    let mut command = Command::new(exporter);
    command.args([
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=error".to_owned(),
    ]);
    command.args([
        "--collector.disable-defaults",
        "--web.disable-exporter-metrics",
    ]);
    command.args(COLLECTORS.map(|name| format!("--collector.{name}")));
    let _peer = Peer::start(&mut command, port);
    let theirs = seen(&get(port, "/metrics"));
    let ours = seen(Host::default().collect(now()).text().as_bytes());
    compare(&ours, &theirs, &HOST_SPARED);
    for (name, part) in HOST_STILL {
        let series = theirs
            .values
            .iter()
            .filter(|(series, _)| series.split('{').next() == Some(name));
        for (series, theirs) in series {
            let ours = ours.values[series];
            assert!(
                near(ours, *theirs, part),
                "{series}: {ours} is not {theirs}"
            );
        }
    }
}

/// What ours must have of theirs: every metric that is about the thing itself, with its type, and every
/// series of it.
fn compare(ours: &Seen, theirs: &Seen, spared: &[&str]) {
    let wanted = |name: &&String| {
        let own = ["go_", "process_", "promhttp_"]
            .iter()
            .any(|own| name.starts_with(own));
        !own && !spared.iter().any(|spare| name.starts_with(spare))
    };
    let missing: Vec<_> = theirs
        .values
        .keys()
        .filter(wanted)
        .filter(|series| !ours.values.contains_key(*series))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for (name, kind) in theirs
        .types
        .iter()
        .filter(|(name, _)| ours.types.contains_key(*name))
    {
        assert_eq!(ours.types.get(name), Some(kind), "the type of {name}");
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

#[tokio::test]
async fn redis_is_told_as_redis_exporter_tells_it() {
    let test = "redis_is_told_as_redis_exporter_tells_it";
    let Some(server) = program("redis-server", test) else {
        return;
    };
    let Some(exporter) = program("prometheus-redis-exporter", test) else {
        return;
    };
    let folder = std::env::temp_dir();
    let (port, page) = (free_port(), free_port());
    let mut command = Command::new(server);
    let port_text = port.to_string();
    command
        .current_dir(&folder)
        .args(["--bind", "127.0.0.1", "--port", &port_text, "--save", ""]);
    let _server = Peer::start(&mut command, port);
    let mut command = Command::new(exporter);
    command.args([
        format!("-web.listen-address=127.0.0.1:{page}"),
        format!("-redis.addr=redis://127.0.0.1:{port}"),
    ]);
    let _exporter = Peer::start(&mut command, page);
    let redis = mainstay_exporters::redis::Redis {
        url: mainstay_model::Secret::new(format!("redis://127.0.0.1:{port}")),
        timeout: PATIENCE,
    };
    redis.collect(now()).await;
    let theirs = seen(&get(page, "/metrics"));
    let ours = seen(redis.collect(now()).await.text().as_bytes());
    let spared = [
        "redis_exporter_", // of the exporter itself
        "redis_target_scrape_request_errors_",
        "redis_last_key_groups_scrape_",
        "redis_latency_percentiles_", // what a server of 7.0 adds by command
        "redis_commands_",            // each asks with commands of its own
        "redis_last_slow_execution_",
        "redis_slowlog_last_id",
    ];
    compare(&ours, &theirs, &spared);
    for name in [
        "redis_up",
        "redis_config_maxclients",
        "redis_memory_max_bytes",
        "redis_process_id",
    ] {
        assert_eq!(
            ours.values[name].to_bits(),
            theirs.values[name].to_bits(),
            "{name}"
        );
    }
    assert!(near(
        ours.values["redis_start_time_seconds"],
        theirs.values["redis_start_time_seconds"],
        1e-8
    ));
    assert!(
        ours.values
            .contains_key(r#"redis_commands_total{cmd="info"}"#)
    );

    let gone = mainstay_exporters::redis::Redis {
        url: mainstay_model::Secret::new(format!("redis://127.0.0.1:{}", free_port())),
        timeout: PATIENCE,
    };
    let told = gone.tell(now()).await;
    let page = seen(told.page.text().as_bytes());
    assert_eq!(page.values["redis_up"].to_bits(), 0.0f64.to_bits());
    assert!(told.trouble.unwrap().contains("refused"));
}

/// A PostgreSQL of its own, as another user than root.
fn postgres(folder: &Path, bin: &Path, port: u16) -> Peer {
    use std::os::unix::fs::PermissionsExt as _;
    let root = rustix::process::geteuid().is_root();
    let run = |program: &str| {
        let program = bin.join(program);
        if !root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
            .arg(program);
        command
    };
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    if root {
        assert!(
            Command::new("chown")
                .arg("postgres")
                .arg(&data)
                .status()
                .unwrap()
                .success()
        );
    }
    let made = run("initdb")
        .arg("-D")
        .arg(&data)
        .args(["-A", "trust", "-U", "postgres", "-N"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut command = run("postgres");
    command
        .arg("-D")
        .arg(&data)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(&data);
    Peer::start(&mut command, port)
}

#[tokio::test]
async fn postgresql_is_told_as_postgres_exporter_tells_it() {
    let test = "postgresql_is_told_as_postgres_exporter_tells_it";
    let folders = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let bin = folders
        .map(|version| version.path().join("bin"))
        .find(|bin| bin.join("initdb").is_file());
    let Some(bin) = bin else {
        program("PostgreSQL", test);
        return;
    };
    let Some(exporter) = program("prometheus-postgres-exporter", test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (port, page) = (free_port(), free_port());
    let _server = postgres(folder.path(), &bin, port);
    let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
    let mut command = Command::new(exporter);
    command.env("DATA_SOURCE_NAME", format!("{url}?sslmode=disable"));
    command.arg(format!("--web.listen-address=127.0.0.1:{page}"));
    let _exporter = Peer::start(&mut command, page);
    let postgres = mainstay_exporters::postgres::Postgres {
        url: mainstay_model::Secret::new(url),
        timeout: PATIENCE,
    };
    let theirs = seen(&get(page, "/metrics"));
    let ours = seen(postgres.collect().await.text().as_bytes());
    assert_eq!(ours.values["pg_up"].to_bits(), 1.0f64.to_bits());
    assert_eq!(
        ours.values["pg_exporter_last_scrape_error"].to_bits(),
        0.0f64.to_bits()
    );
    let spared = [
        "pg_exporter_scrapes_total", // of the exporter itself
        "pg_scrape_collector_",
        "postgres_exporter_build_info",
    ];
    compare(&ours, &theirs, &spared);
    let steady = theirs.values.iter().filter(|(series, _)| {
        [
            "pg_settings_",
            "pg_database_size_bytes",
            "pg_static",
            "pg_stat_archiver_",
        ]
        .iter()
        .any(|start| series.starts_with(start))
    });
    // What a driver sets for its own session is not the server's.
    let steady = steady.filter(|(series, _)| !series.starts_with("pg_settings_extra_float_digits"));
    for (series, theirs) in steady {
        let ours = ours.values[series];
        assert!(
            near(ours, *theirs, 0.01) || (ours.is_nan() && theirs.is_nan()),
            "{series}: {ours} is not {theirs}"
        );
    }
}

/// A web server that knows `/`, `/moved` and nothing else.
fn web() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut head) = (stream, Vec::new());
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let path = String::from_utf8_lossy(&head)
                .split(' ')
                .nth(1)
                .unwrap_or_default()
                .to_owned();
            let (status, more) = match path.as_str() {
                "/" => ("200 OK", ""),
                "/moved" => ("302 Found", "location: /\r\n"),
                _ => ("404 Not Found", ""),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\n{more}content-length: 5\r\nconnection: close\r\n\r\nhello"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_told_as_blackbox_exporter_tells_them() {
    use mainstay_exporters::probe::{Expect, Probe, Settings, probe};
    let test = "probes_are_told_as_blackbox_exporter_tells_them";
    let Some(exporter) = program("prometheus-blackbox-exporter", test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.yml");
    let modules = "modules:\n  http: {prober: http, http: {preferred_ip_protocol: ip4}}\n  tcp: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}\n";
    std::fs::write(&file, modules).unwrap();
    let (page, web, closed) = (free_port(), web(), free_port());
    let mut command = Command::new(exporter);
    command.arg(format!("--web.listen-address=127.0.0.1:{page}"));
    command.arg(format!("--config.file={}", file.display()));
    let _peer = Peer::start(&mut command, page);
    let http = |port: u16, path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        (
            format!("http&target={url}"),
            Probe::Http {
                url,
                expect: Expect::default(),
            },
        )
    };
    let tcp = |port: u16| {
        let address = format!("127.0.0.1:{port}");
        (
            format!("tcp&target={address}"),
            Probe::Tcp {
                address,
                tls: false,
            },
        )
    };
    let cases = [
        http(web, "/"),
        http(web, "/moved"),
        http(web, "/none"),
        http(closed, "/"),
        tcp(web),
        tcp(closed),
    ];
    for (question, own) in cases {
        let theirs = seen(&get(page, &format!("/probe?module={question}")));
        let ours = seen(probe(&own, &Settings::default()).await.text().as_bytes());
        compare(&ours, &theirs, &[]);
        for (series, theirs) in theirs
            .values
            .iter()
            .filter(|(series, _)| !series.contains("seconds"))
        {
            let ours = ours.values[series];
            assert!(
                near(ours, *theirs, 0.0),
                "{question}: {series}: {ours} is not {theirs}"
            );
        }
    }
}

/// A name server that knows `there.test`, and refuses a name that it does not.
fn names() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            // Header and question, without what may follow.
            let end = 12
                + bytes[12..length]
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap()
                + 5;
            let mut answer = bytes[..end].to_vec();
            let known = answer[13..18] == *b"there";
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(known), 0, 0, 0, 0]);
            if known && answer[end - 3] == 6 {
                answer.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 9, 0, 24, 0xc0, 12, 0xc0, 12]);
                answer.extend([0, 0, 3, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
            } else if known {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 1]);
            } else {
                answer[3] = 0x83;
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_of_names_are_told_as_blackbox_exporter_tells_them() {
    use mainstay_exporters::probe::{Probe, Settings, ask};
    let test = "probes_of_names_are_told_as_blackbox_exporter_tells_them";
    let Some(exporter) = program("prometheus-blackbox-exporter", test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.yml");
    let module = |label: &str, name: &str, kind: &str| {
        format!(
            "  {label}: {{prober: dns, dns: {{query_name: {name}, query_type: {kind}, preferred_ip_protocol: ip4}}}}\n"
        )
    };
    let modules = [
        module("a", "there.test", "A"),
        module("soa", "there.test", "SOA"),
        module("gone", "gone.test", "A"),
    ];
    std::fs::write(&file, format!("modules:\n{}", modules.concat())).unwrap();
    let (page, server) = (free_port(), names());
    let mut command = Command::new(exporter);
    command.arg(format!("--web.listen-address=127.0.0.1:{page}"));
    command.arg(format!("--config.file={}", file.display()));
    let _peer = Peer::start(&mut command, page);
    for (label, name, record, trouble) in [
        ("a", "there.test", 1, None),
        ("soa", "there.test", 6, None),
        ("gone", "gone.test", 1, Some("NXDOMAIN")),
    ] {
        let server = format!("127.0.0.1:{server}");
        let theirs = seen(&get(
            page,
            &format!("/probe?module={label}&target={server}"),
        ));
        let own = Probe::Dns {
            server,
            name: name.to_owned(),
            record,
        };
        let told = ask(&own, &Settings::default()).await;
        let said = told.trouble.as_deref();
        assert!(
            trouble.map_or(said.is_none(), |word| said.unwrap().contains(word)),
            "{said:?}"
        );
        let ours = seen(told.page.text().as_bytes());
        compare(&ours, &theirs, &[]);
        let counted = theirs
            .values
            .iter()
            .filter(|(series, _)| !series.contains("seconds"));
        for (series, theirs) in counted {
            let ours = ours.values[series];
            assert!(
                near(ours, *theirs, 0.0),
                "{label}: {series}: {ours} is not {theirs}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_goes_by_way_of_who_answers_for_the_host() {
    use mainstay_exporters::probe::{Expect, Probe, Settings, Via, ask};
    let http = std::net::SocketAddr::from(([127, 0, 0, 1], web()));
    let settings = Settings {
        via: Some(Via { http, https: None }),
        ..Settings::default()
    };
    let url = "http://shop.invalid/moved".to_owned();
    let probe = Probe::Http {
        url,
        expect: Expect::default(),
    };
    let told = ask(&probe, &settings).await;
    assert_eq!(told.trouble, None);
    let page = seen(told.page.text().as_bytes());
    assert!(near(page.values["probe_http_redirects"], 1.0, 0.0));
    // What is wrong is said with the thing and its value.
    let url = "http://shop.invalid/none".to_owned();
    let probe = Probe::Http {
        url,
        expect: Expect::default(),
    };
    let told = ask(&probe, &settings).await;
    assert!(told.trouble.unwrap().contains("404"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_tells_until_when_a_certificate_is_good() {
    use mainstay_exporters::probe::{Probe, Settings, probe};
    use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2040, 1, 2);
    let certificate = params.self_signed(&key).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await;
                }
            });
        }
    });
    let wanted = Probe::Tcp { address, tls: true };
    let trusted = Settings {
        ca_pem: Some(certificate.pem()),
        ..Settings::default()
    };
    let good = seen(probe(&wanted, &trusted).await.text().as_bytes());
    assert_eq!(good.values["probe_success"].to_bits(), 1.0f64.to_bits());
    let expires = good.values["probe_ssl_earliest_cert_expiry"];
    assert!(near(expires, 2_209_075_200.0, 0.0), "{expires}");
    assert!(
        good.values
            .contains_key(r#"probe_tls_version_info{version="TLS 1.3"}"#)
    );
    let untrusted = seen(probe(&wanted, &Settings::default()).await.text().as_bytes());
    assert_eq!(
        untrusted.values["probe_success"].to_bits(),
        0.0f64.to_bits()
    );
    let any = Settings {
        insecure_skip_verify: true,
        ..Settings::default()
    };
    let any = seen(probe(&wanted, &any).await.text().as_bytes());
    assert_eq!(any.values["probe_success"].to_bits(), 1.0f64.to_bits());
}
