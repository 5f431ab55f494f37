//! Sending on: to receivers that refuse, that are away, and to a real Prometheus.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mainstay_exposition::remote::{LIMIT_BYTES, WriteVersion, decode_write};
use mainstay_exposition::{Batch, Metadata, MetricType};
use mainstay_scrape::{Clock, Forwarded, Forwarder};
use mainstay_series::Labels;
use mainstay_targets::{Configuration, RemoteWrite};

use crate::support::{PATIENCE, Peer, free_port, get, program, receive, receive_with};

fn clock() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis() as i64
    })
}

fn config(port: u16, path: &str, more: &str) -> RemoteWrite {
    let queue = "queue_config: {batch_send_deadline: 10ms, min_backoff: 1ms, max_backoff: 5ms}";
    let text = format!("remote_write: [{{url: 'http://127.0.0.1:{port}{path}', {queue}{more}}}]");
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(!problems.has_errors(), "{problems}");
    config.remote_write.into_iter().next().unwrap()
}

fn start(config: RemoteWrite, folder: &Path) -> Forwarder {
    let external = [("cluster".to_owned(), "eu".to_owned())];
    Forwarder::start(config, external, folder, clock()).unwrap()
}

/// A batch as a store leaves it: every series has its number.
fn batch(samples: &[(&str, u64, f64)]) -> Batch {
    let now = clock()();
    let mut batch = Batch::default();
    for (name, number, value) in samples {
        batch.push(
            Labels::from_pairs([("__name__", *name), ("job", "j")]),
            now,
            *value,
        );
        batch.rows.last_mut().unwrap().series = *number;
    }
    batch
}

/// The series and values of the next request.
fn next(bodies: &Receiver<Vec<u8>>, version: WriteVersion) -> Vec<(String, f64)> {
    let body = bodies.recv_timeout(PATIENCE).expect("something is sent");
    let written = decode_write(&body, version, LIMIT_BYTES).unwrap();
    let rows = written.batch.rows;
    let named = written.batch.new.iter();
    named
        .map(|(row, labels)| (labels.to_string(), rows[*row as usize].value))
        .collect()
}

async fn until(forwarder: &Forwarder, fits: impl Fn(&Forwarded) -> bool) -> Forwarded {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let counted = forwarder.counted();
        if fits(&counted) {
            return counted;
        }
        assert!(Instant::now() < deadline, "{counted:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_now_is_sent_again_and_for_good_is_counted() {
    let statuses = vec![
        "500 No",
        "429 Slow\r\nretry-after: 0",
        "204 Ok",
        "400 Bad",
        "204 Ok",
    ];
    let (port, bodies) = receive_with(statuses);
    let folder = tempfile::tempdir().unwrap();
    let rules = ", write_relabel_configs: [{source_labels: [__name__], regex: drop, action: drop}]";
    let forwarder = start(config(port, "/", rules), folder.path());
    forwarder
        .offer(&batch(&[("a", 1, 1.0), ("drop", 2, 9.0)]))
        .unwrap();
    let wanted = vec![(r#"a{cluster="eu", job="j"}"#.to_owned(), 1.0)];
    for _ in 0..3 {
        assert_eq!(
            next(&bodies, WriteVersion::V1),
            wanted,
            "the same until it is taken"
        );
    }
    let counted = until(&forwarder, |counted| counted.sent == 1).await;
    assert_eq!(
        (
            counted.retries,
            counted.refused,
            counted.last_error.as_str()
        ),
        (2, 0, "")
    );
    forwarder.offer(&batch(&[("a", 1, 2.0)])).unwrap();
    let counted = until(&forwarder, |counted| counted.refused == 1).await;
    assert!(counted.last_error.contains("400"), "{}", counted.last_error);
    let mut known = batch(&[("a", 1, 3.0)]);
    known.new.clear();
    forwarder.offer(&known).unwrap();
    until(&forwarder, |counted| counted.sent == 2).await;
    // The store has forgotten it: its number says nothing any more, until it comes with its labels.
    forwarder.forget([1, 7]);
    forwarder.offer(&known).unwrap();
    until(&forwarder, |counted| counted.lost == 1).await;
    forwarder.offer(&batch(&[("a", 1, 4.0)])).unwrap();
    until(&forwarder, |counted| counted.sent == 3).await;
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let away = free_port();
    let forwarder = start(config(away, "/", ""), folder.path());
    for value in 0..5 {
        forwarder
            .offer(&batch(&[("a", 1, f64::from(value))]))
            .unwrap();
    }
    until(&forwarder, |counted| counted.retries > 0).await;
    forwarder.stop().await;
    let (port, bodies) = receive();
    let forwarder = start(
        config(
            port,
            "/",
            ", protobuf_message: io.prometheus.write.v2.Request",
        ),
        folder.path(),
    );
    let mut values = Vec::new();
    while values.len() < 5 {
        values.extend(
            next(&bodies, WriteVersion::V2)
                .into_iter()
                .map(|(_, value)| value),
        );
    }
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0], "in order, each once");
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_takes_what_is_sent() {
    let Some(prometheus) = program("prometheus", "a_real_prometheus_takes_what_is_sent") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yml");
    std::fs::write(&file, "global: {}\n").unwrap();
    let port = free_port();
    let _peer = Peer::start(
        Command::new(prometheus).args([
            format!("--config.file={}", file.display()),
            format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.enable-remote-write-receiver".to_owned(),
            "--log.level=error".to_owned(),
        ]),
        port,
    );
    let forwarder = start(
        config(port, "/api/v1/write", ""),
        &folder.path().join("queue"),
    );
    let mut sent = batch(&[("shop_orders_total", 1, 42.5), ("up", 2, 1.0)]);
    sent.metadata.push(Metadata {
        metric: "shop_orders_total".to_owned(),
        kind: MetricType::Counter,
        ..Metadata::default()
    });
    forwarder.offer(&sent).unwrap();
    until(&forwarder, |counted| counted.sent == 2).await;
    let (_, body) = get(port, "/api/v1/query?query=shop_orders_total", "*/*");
    let answer = String::from_utf8(body).unwrap();
    assert!(
        answer.contains(r#""cluster":"eu","job":"j""#) && answer.contains(r#""42.5""#),
        "{answer}"
    );
    forwarder.stop().await;
}
