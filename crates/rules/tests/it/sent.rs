//! What a real Prometheus sends to an Alertmanager, and what we would send.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mainstay_model::Timestamp;
use mainstay_rules::{Alert, Settings};
use serde_json::Value as Json;

use crate::drive::Drive;
use crate::peer::program;

/// Fires for four of eight seconds, again and again.
const RULES: &str = "
groups:
- name: g
  interval: 1s
  rules:
  - alert: Blinks
    expr: label_replace(vector(time()) % 8 < 4, 'job', 'web', '', '')
    labels: {severity: page}
    annotations: {summary: '{{ $labels.job }} blinks', empty: ''}
";
const ADDRESS: &str = "http://ops.example/p";
/// For an alert that fires and is resolved.
const PATIENCE: Duration = Duration::from_secs(60);

/// An alert without its times: labels, annotations, link, and how long it lasts, in seconds.
type Seen = (String, String, String, i64);

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, directory: &Path, alertmanager: u16) -> Running {
    let rules = directory.join("rules.yml");
    std::fs::write(&rules, RULES).unwrap();
    let configuration = directory.join("prometheus.yml");
    let text = format!(
        "rule_files: ['{}']\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n",
        rules.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(program)
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--web.external-url={ADDRESS}"))
        .args(["--rules.alert.resend-delay=2s", "--log.level=error"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

/// Reads one request, answers that all is well, and gives back its body.
fn receive(stream: &TcpStream) -> std::io::Result<Json> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut writer = stream;
    writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(serde_json::from_slice(&body)?)
}

fn theirs(alert: &Json) -> Seen {
    let time = |name: &str| -> i64 {
        let time: Timestamp = alert[name].as_str().unwrap().parse().unwrap();
        time.as_millis()
    };
    (
        alert["labels"].to_string(),
        alert["annotations"].to_string(),
        alert["generatorURL"].as_str().unwrap().to_owned(),
        (time("endsAt") - time("startsAt")) / 1000,
    )
}

fn ours(alert: &Alert) -> Seen {
    let labels: std::collections::BTreeMap<_, _> = alert.labels.iter().collect();
    (
        serde_json::to_string(&labels).unwrap(),
        serde_json::to_string(&alert.annotations).unwrap(),
        alert.generator_url.clone(),
        (alert.ends_at_ms - alert.starts_at_ms) / 1000,
    )
}

#[test]
fn the_same_alerts_are_sent_as_by_prometheus() {
    let Some(program) = program("prometheus", "the_same_alerts_are_sent_as_by_prometheus") else {
        return;
    };
    let settings = Settings {
        external_url: ADDRESS.to_owned(),
        resend_delay_ms: 2000,
        ..Settings::default()
    };
    let mut drive = Drive::with("load 1m\n  x 1", RULES, &settings);
    let mut expected: BTreeSet<Seen> = BTreeSet::new();
    for second in 0..24 {
        expected.extend(drive.at(second * 1000).alerts().map(ours));
    }
    // Firing (at once and again after three seconds), and resolved.
    let lasting: Vec<i64> = expected.iter().map(|seen| seen.3).collect();
    assert_eq!(lasting, [4, 8, 11]);

    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let _running = start(
        &program,
        directory.path(),
        listener.local_addr().unwrap().port(),
    );
    let deadline = Instant::now() + PATIENCE;
    let mut seen: BTreeSet<Seen> = BTreeSet::new();
    // The first alert may have begun in the middle, and an evaluation may be late.
    while !expected.is_subset(&seen) {
        assert!(
            Instant::now() < deadline,
            "expected {expected:#?}, seen {seen:#?}"
        );
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        let body = receive(&stream).unwrap();
        seen.extend(body.as_array().unwrap().iter().map(theirs));
    }
    let same = |seen: &Seen| {
        expected
            .iter()
            .any(|e| (&e.0, &e.1, &e.2) == (&seen.0, &seen.1, &seen.2))
    };
    assert!(seen.iter().all(same), "{seen:#?}");
}
