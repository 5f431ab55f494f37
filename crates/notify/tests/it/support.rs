//! Receivers that keep what they get, and notifications to send them.

use mainstay_alert::config::{Configuration, Integration};
use mainstay_alert::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};
use mainstay_model::Timestamp;
use mainstay_notify::{Sender, templates};
use mainstay_series::Labels;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

/// One request.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Captured {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered: status, headers, body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

pub(crate) fn fine() -> Answer {
    (200, Vec::new(), "ok".to_owned())
}

/// Reads a request and answers it, then closes.
pub(crate) fn serve_one<S: Read + Write>(
    stream: S,
    answer: &dyn Fn(&Captured) -> Answer,
) -> Option<Captured> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let captured = Captured {
        method,
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    };
    let (status, headers, body) = answer(&captured);
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
        headers.concat(),
        body.len()
    );
    let stream = reader.get_mut();
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
    let _ = stream.flush();
    Some(captured)
}

/// A server of HTTP that answers as it is told to.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    requests: mpsc::Receiver<Captured>,
}

impl Receiver {
    pub(crate) fn start(answer: impl Fn(&Captured) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::sync_channel(256);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                if let Some(captured) = serve_one(stream, &answer)
                    && sender.send(captured).is_err()
                {
                    return;
                }
            }
        });
        Self { port, requests }
    }

    pub(crate) fn next(&self) -> Captured {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

/// The first integration of a receiver that is written like this.
pub(crate) fn integration(receiver: &str) -> Integration {
    integrations(&format!("receivers:\n- name: ops.team\n{receiver}")).remove(0)
}

/// Those of the first receiver of a configuration without a route.
pub(crate) fn integrations(text: &str) -> Vec<Integration> {
    let text = format!("route: {{receiver: ops.team}}\n{text}");
    let (configuration, problems) = Configuration::read(&text, Path::new("/x/am.yml"), "am.yml");
    assert!(problems.is_empty(), "{problems}");
    configuration.unwrap().receivers.remove(0).integrations
}

pub(crate) fn alert(status: AlertStatus, instance: &str) -> NotifiedAlert {
    let labels = Labels::from_pairs([
        ("alertname", "Down"),
        ("instance", instance),
        ("severity", "critical"),
    ]);
    NotifiedAlert {
        fingerprint: Fingerprint::of(&labels),
        labels,
        annotations: [
            ("summary", format!("{instance} is <down>")),
            ("runbook", "https://example.com/run?a=1&b=2".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        starts_at: Timestamp::from_millis(1_699_999_900_000),
        ends_at: (status == AlertStatus::Resolved)
            .then(|| Timestamp::from_millis(1_699_999_990_000)),
        generator_url: "http://prometheus/graph?g0.expr=up".to_owned(),
        status,
    }
}

/// A notification of these alerts, for an integration.
pub(crate) fn notification(integration: &Integration, alerts: Vec<NotifiedAlert>) -> Notification {
    Notification {
        receiver: "ops.team".to_owned(),
        integration: IntegrationKey::of(integration),
        group_key: "{}:{alertname=\"Down\"}".to_owned(),
        group_labels: Labels::from_pairs([("alertname", "Down")]),
        alerts,
    }
}

pub(crate) fn sender() -> Sender {
    Sender::new(templates([]).unwrap(), "http://mainstay.example:9900")
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until somebody listens.
pub(crate) fn await_port(port: u16) {
    let until = std::time::Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            std::time::Instant::now() < until,
            "nobody listens on {port}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
