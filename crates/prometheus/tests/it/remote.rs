//! Remote write, remote read and federation, by requests of ours and with a real Prometheus.

use crate::data::{START_MS, body, labels, some};
use crate::peer::{Prometheus, wait_for};
use crate::server::Server;
use mainstay_prometheus::Options;
use mainstay_series::Sample;

#[test]
fn what_was_written_is_there_and_what_was_not_taken_is_told() {
    let server = Server::start();
    server.parts.series.write().unwrap().clear();
    let all = some(START_MS);
    let samples: usize = all.iter().map(|(_, samples)| samples.len()).sum();
    let written = server.client.remote_write(&body(&all));
    assert_eq!(written.status, 204, "{}", written.text());
    let count = written.header("x-prometheus-remote-write-samples-written");
    assert_eq!(count, Some(samples.to_string().as_str()));
    assert_eq!(server.parts.series.read().unwrap().len(), all.len());

    let again = server.client.remote_write(&body(&all));
    assert_eq!(again.status, 400);
    assert!(
        again.text().contains("out of order sample of big"),
        "{}",
        again.text()
    );
    assert!(
        again
            .text()
            .contains(&format!("{samples} samples were not taken"))
    );
    assert_eq!(
        again.header("x-prometheus-remote-write-samples-written"),
        Some("0")
    );
    assert_eq!(
        again.header("x-prometheus-remote-write-histograms-written"),
        Some("0")
    );
}

#[test]
fn samples_far_in_the_future_are_refused() {
    let server = Server::with(Options::default(), |_| {});
    let far = Sample {
        time_ms: 9_000_000_000_000,
        value: 1.0,
    };
    let answer = server
        .client
        .remote_write(&body(&[(labels("far", &[]), vec![far])]));
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "out of bounds: 1 samples are in the future\n"
    );
    assert!(
        server
            .parts
            .series
            .read()
            .unwrap()
            .keys()
            .all(|l| l.metric() != Some("far"))
    );
}

/// A Prometheus that scrapes our federation, writes what it scrapes to us, and reads from us what it
/// has not.
fn peer(test: &str, server: &Server) -> Option<Prometheus> {
    let (url, port) = (server.client.url(), server.client.port);
    let configuration = format!(
        "scrape_configs:
- job_name: federation
  scrape_interval: 1s
  honor_labels: true
  metrics_path: /prometheus/federate
  params: {{'match[]': ['{{__name__=~\".+\"}}']}}
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
remote_write:
- url: {url}/api/v1/write
  queue_config: {{batch_send_deadline: 100ms}}
  write_relabel_configs:
  - {{source_labels: [job], regex: federation, action: keep}}
remote_read:
- {{url: '{url}/api/v1/read', read_recent: true}}
"
    );
    Prometheus::start(test, &configuration)
}

#[test]
fn a_prometheus_federates_from_us_writes_to_us_and_reads_from_us() {
    let test = "a_prometheus_federates_from_us_writes_to_us_and_reads_from_us";
    let server = Server::start();
    let now = jiff::Timestamp::now().as_millisecond();
    server.parts.add(&[(
        labels("fresh", &[("job", "api"), ("k", "q\"\\\n<ü>")]),
        (1..=60)
            .map(|n| Sample {
                time_ms: now + (n - 30) * 1000,
                value: 0.5,
            })
            .collect(),
    )]);
    let Some(prometheus) = peer(test, &server) else {
        return;
    };
    let ask = |query: &str| {
        let answer = prometheus
            .client
            .get(&format!("/api/v1/query?query={query}"));
        let result = answer.json()["data"]["result"].clone();
        (!result.as_array()?.is_empty()).then_some(result)
    };
    // Read from us, at a time of which it has nothing.
    let read = ask("sum%20by(k)(odd)&time=1700000900").expect("an answer by remote read");
    assert_eq!(read[0]["metric"]["k"], "q\"\\\n<ü>&");
    assert_eq!(read[0]["value"][1], "-28.5");

    // Written to us, of the scrape of our federation. That it went well says the text was read.
    let up = labels(
        "up",
        &[
            ("instance", &format!("127.0.0.1:{}", server.client.port)),
            ("job", "federation"),
        ],
    );
    let written = wait_for("sample by remote write", || {
        server.parts.series.read().unwrap().get(&up).cloned()
    });
    assert_eq!(written.values[0].to_bits(), 1f64.to_bits());

    // Federated: its own store has the series, with the labels it has here.
    server
        .parts
        .series
        .write()
        .unwrap()
        .retain(|l, _| l.metric() != Some("fresh"));
    let fresh = ask("fresh").expect("a federated series");
    assert_eq!(fresh[0]["metric"]["job"], "api");
    assert_eq!(fresh[0]["metric"]["k"], "q\"\\\n<ü>");
    assert_eq!(fresh[0]["metric"].get("instance"), None);
    assert_eq!(fresh[0]["value"][1], "0.5");
}
