//! Peers judge: a real Prometheus writes to our decoder, real exporters are read in every format they
//! speak, promtool reads what is written here.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod agree;
mod alerts;
mod forward;
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use mainstay_exposition::remote::{LIMIT_BYTES, WriteVersion, decode_write};
use mainstay_exposition::{
    Family, Format, Limits, MetricType, Point, Reason, Visit, Writer, parse,
};
use mainstay_series::{Labels, is_stale};
use support::{Peer, free_port, get, program, receive, serve};

/// Values by series.
#[derive(Default)]
struct All(BTreeMap<String, f64>);

impl Visit for All {
    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        self.0.insert(point.labels()?.to_string(), point.value);
        Ok(())
    }
}

fn all(body: &[u8], format: Format) -> BTreeMap<String, f64> {
    let mut all = All::default();
    parse(body, format, &Limits::default(), &mut all).unwrap();
    all.0
}

#[test]
fn promtool_finds_no_fault_with_what_is_written() {
    let test = "promtool_finds_no_fault_with_what_is_written";
    let Some(promtool) = program("promtool", test) else {
        return;
    };
    let mut writer = Writer::new(Format::Text);
    let family = |name, kind| Family {
        name,
        kind,
        help: "What \"it\" is:\na \\ test.",
        unit: "",
    };
    writer.family(family("mainstay_hits_total", MetricType::Counter));
    writer.pairs("mainstay_hits_total", &[("path", "C:\\ \"x\"\n")], 1e6);
    writer.family(family("mainstay_seconds", MetricType::Histogram));
    for (le, count) in [("0.5", 1.0), ("+Inf", 2.0)] {
        writer.pairs("mainstay_seconds_bucket", &[("le", le)], count);
    }
    writer.pairs("mainstay_seconds_sum", &[], 0.75);
    writer.pairs("mainstay_seconds_count", &[], 2.0);
    writer.family(family("mainstay_bytes", MetricType::Gauge));
    writer.sample(
        &Labels::from_pairs([("__name__", "mainstay_bytes")]),
        f64::NAN,
        Some(1_700_000_000_000),
    );
    let mut judge = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    judge
        .stdin
        .take()
        .unwrap()
        .write_all(writer.finish().as_bytes())
        .unwrap();
    let verdict = judge.wait_with_output().unwrap();
    assert!(verdict.status.success(), "{verdict:?}");
}

/// Without what comes and goes with every container between two scrapes.
const CALM: [&str; 5] = [
    "--no-collector.arp",
    "--no-collector.filesystem",
    "--no-collector.ipvs",
    "--no-collector.netclass",
    "--no-collector.netdev",
];

#[test]
fn an_exporter_says_the_same_in_every_format() {
    let test = "an_exporter_says_the_same_in_every_format";
    let Some(exporter) = program("prometheus-node-exporter", test) else {
        return;
    };
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let _peer = Peer::start(
        Command::new(exporter)
            .args([&listen, "--log.level=error"])
            .args(CALM),
        port,
    );
    let mut bodies = BTreeMap::new();
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let accept = mainstay_exposition::accept(&[format]);
        let (kind, body) = get(port, "/metrics", &accept);
        let said = Format::of_content_type(Some(&kind), None).unwrap();
        let found = all(&body, said);
        assert!(found.len() > 100, "{} series as {kind}", found.len());
        bodies.insert(format!("{said:?}"), found.into_keys().collect::<Vec<_>>());
    }
    let text = bodies.remove("Text").unwrap();
    assert!(!bodies.is_empty(), "the exporter speaks more than text");
    // In protobuf and OpenMetrics whole bounds have a fraction, `le="1.0"`.
    let plain = |series: &String| !series.contains("quantile=") && !series.contains("le=");
    for (format, series) in bodies {
        let plain_text: Vec<_> = text.iter().filter(|series| plain(series)).collect();
        let plain_other: Vec<_> = series.iter().filter(|series| plain(series)).collect();
        assert_eq!(plain_text, plain_other, "{format}");
        assert_eq!(text.len(), series.len(), "{format}");
    }
}

#[test]
fn a_real_prometheus_writes_to_us() {
    let test = "a_real_prometheus_writes_to_us";
    let Some(prometheus) = program("prometheus", test) else {
        return;
    };
    let target =
        serve("# TYPE shop_orders_total counter\nshop_orders_total{place=\"a \\\"b\\\"\"} 42\n");
    let (receiver, bodies) = receive();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("p.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, external_labels: {{from: p}}}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n\
         remote_write: [{{url: 'http://127.0.0.1:{receiver}/write', queue_config: {{batch_send_deadline: 200ms}}, metadata_config: {{send_interval: 1s}}}}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let port = free_port();
    let _peer = Peer::start(
        Command::new(prometheus).args([
            format!("--config.file={}", config.display()),
            format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=error".to_owned(),
        ]),
        port,
    );
    let wanted =
        r#"shop_orders_total{from="p", instance="127.0.0.1:PORT", job="shop", place="a \"b\""}"#;
    let wanted = wanted.replace("PORT", &target.to_string());
    let (mut seen, mut described) = (false, false);
    while !seen || !described {
        let body = bodies
            .recv_timeout(support::PATIENCE)
            .expect("Prometheus writes");
        let written = decode_write(&body, WriteVersion::V1, LIMIT_BYTES).unwrap();
        assert_eq!((written.invalid, written.native_histograms), (0, 0));
        described |= written.batch.metadata.iter().any(|metadata| {
            metadata.metric == "shop_orders_total" && metadata.kind == MetricType::Counter
        });
        for (row, labels) in &written.batch.new {
            let row = written.batch.rows[*row as usize];
            if labels.to_string() == wanted && !is_stale(row.value) {
                assert!((row.value - 42.0).abs() < f64::EPSILON);
                seen = true;
            }
        }
    }
}
