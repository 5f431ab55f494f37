//! Remote write, remote read and federation, by requests of ours and with a real Prometheus.

use crate::data::{START_MS, body, labels, some};
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
