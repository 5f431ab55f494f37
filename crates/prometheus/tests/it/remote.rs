//! Remote write, remote read and federation, by requests of ours and with a real Prometheus.

use crate::data::{One, START_MS, body, labels, some};
use crate::http::Answer;
use crate::peer::{Prometheus, wait_for};
use crate::server::Server;
use mainstay_exposition::remote::{
    Hints, ReadQuery, ReadRequest, ReadResponse, ReadResult, encode_v2, pack,
};
use mainstay_exposition::{Metadata, MetricType};
use mainstay_prometheus::Options;
use mainstay_series::{Labels, Matcher, Sample, Window};

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

fn second(server: &Server, message: &[u8]) -> Answer {
    let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let headers = [("Content-Type", kind), ("Content-Encoding", "snappy")];
    let body = pack(message).unwrap();
    server
        .client
        .send("POST", "/api/v1/write", &headers, &body)
        .unwrap()
}

fn counts(answer: &Answer) -> [Option<&str>; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|what| answer.header(&format!("x-prometheus-remote-write-{what}-written")))
}

#[test]
fn the_second_version_counts_what_it_took() {
    let server = Server::start();
    let at = |time_ms| Sample {
        time_ms,
        value: 2.0,
    };
    let metadata = Metadata {
        metric: "new_total".to_owned(),
        kind: MetricType::Counter,
        help: "all of them".to_owned(),
        unit: String::new(),
    };
    let good = (labels("new_total", &[("k", "ü")]), vec![at(1), at(2)]);
    let nameless = (Labels::from_pairs([("job", "x")]), vec![at(1)]);
    let message = |series: &[One]| {
        let series = series
            .iter()
            .map(|(labels, samples)| (labels, &samples[..]));
        encode_v2(series, |name| (name == "new_total").then_some(&metadata))
    };
    let all = second(&server, &message(std::slice::from_ref(&good)));
    assert_eq!(all.status, 204, "{}", all.text());
    assert_eq!(counts(&all), [Some("2"), Some("0"), Some("0")]);
    let later = (good.0.clone(), vec![at(3)]);
    let part = second(&server, &message(&[nameless, later]));
    assert_eq!(part.status, 400);
    assert_eq!(part.text(), "a series has no metric name\n");
    assert_eq!(counts(&part), [Some("1"), Some("0"), Some("0")]);
    let stored = server.parts.series.read().unwrap()[&good.0].clone();
    assert_eq!(stored.times, [1, 2, 3]);
    let metadata = server
        .client
        .get("/api/v1/metadata?metric=new_total")
        .json();
    assert_eq!(metadata["data"]["new_total"][0]["help"], "all of them");
    assert_eq!(metadata["data"]["new_total"][0]["type"], "counter");
}

fn read(server: &Server, matchers: Vec<Matcher>, window: Window) -> Result<ReadResult, String> {
    let request = ReadRequest {
        queries: vec![ReadQuery {
            window,
            matchers,
            hints: Hints::default(),
        }],
        takes_samples: true,
    };
    let answer = server
        .client
        .send("POST", "/api/v1/read", &[], &request.encode().unwrap());
    let answer = answer.unwrap();
    if answer.status != 200 {
        return Err(answer.text());
    }
    assert_eq!(answer.header("content-encoding"), Some("snappy"));
    let mut results = ReadResponse::decode(&answer.body, 1 << 20).unwrap();
    assert_eq!(results.len(), 1);
    Ok(results.remove(0))
}

#[test]
fn external_labels_are_attached_on_the_way_out() {
    let server = Server::start();
    let external = Labels::from_pairs([("region", "eu"), ("job", "all")]);
    *server.parts.external.write().unwrap() = external;
    let window = Window {
        start_ms: START_MS,
        end_ms: START_MS + 20_000,
    };
    let equal = |name: &str, value: &str| Matcher::equal(name, value);
    let found = read(
        &server,
        vec![equal("__name__", "odd"), equal("region", "eu")],
        window,
    );
    let found = found.unwrap();
    let own = [("k", "q\"\\\n<ü>&"), ("region", "eu"), ("job", "all")];
    assert_eq!(found[0].0, labels("odd", &own));
    assert_eq!(found[0].1.len(), 2);
    // A label of its own stays; and what is asked of another region is not here.
    let up = read(
        &server,
        vec![equal("__name__", "up"), equal("job", "api")],
        window,
    )
    .unwrap();
    assert_eq!(up[0].0.get("job"), Some("api"));
    let other = read(
        &server,
        vec![equal("__name__", "up"), equal("region", "us")],
        window,
    );
    assert_eq!(other, Ok(Vec::new()));
    assert_eq!(
        read(&server, Vec::new(), window),
        Ok(Vec::new()),
        "no matcher meets nothing"
    );
}

#[test]
fn a_remote_read_has_a_number_of_samples() {
    let options = Options {
        read_samples: 119,
        ..Options::default()
    };
    let server = Server::with(options, |_| {});
    let of = |name: &str| vec![Matcher::equal("__name__", name)];
    let gone = read(&server, of("gone"), Window::ALL).unwrap();
    assert_eq!(gone[0].1.len(), 41, "the stale marker among them");
    let odd = read(&server, of("odd"), Window::ALL);
    assert_eq!(odd, Err("exceeded sample limit (119)\n".to_owned()));
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
