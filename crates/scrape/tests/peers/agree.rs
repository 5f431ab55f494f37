//! The same configuration file and the same targets, given to a real Prometheus and to us: the same
//! series, up to the last label, and the same targets.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mainstay_exposition::Batch;
use mainstay_scrape::{Appended, Health, Scraper, Settings, Sink, SinkError, Snapshot};
use mainstay_series::Labels;
use mainstay_targets::Configuration;
use serde_json::Value;

use crate::support::{PATIENCE, Peer, free_port, get, program, serve};

/// Names like nothing else's, labels that get in each other's way.
const BODY: &str = r#"# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total{place="a \"b\"\\",job="own",instance="",exported_job="x"} 42
shop_orders_total{place="",status="200"} 1
shop_gone{a="b"} 1
shop_time_seconds{quantile="0.5"} 0.25 1395066363000
shop_nan NaN
shop_inf{le="+Inf"} +Inf
"#;

/// Two targets, many rules.
const CONFIG: &str = r"
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: plain
  static_configs: [{targets: [ONE, TWO], labels: {env: dev, __meta_kind: k}}]
- job_name: honors
  honor_labels: true
  static_configs: [{targets: [ONE]}]
- job_name: rules
  params: {module: [a, b]}
  static_configs: [{targets: [ONE, TWO, 'dropped:1'], labels: {env: dev, __meta_kind: k, tmp_x: y}}]
  relabel_configs:
  - {source_labels: [__address__], regex: 'dropped.*', action: drop}
  - {source_labels: [__address__], regex: '(.+):(\d+)', target_label: host, replacement: '${1}-$$'}
  - {source_labels: [__address__, env], modulus: 7, target_label: shard, action: hashmod}
  - {regex: '__meta_(.+)', action: labelmap}
  - {source_labels: [__param_module], target_label: module}
  - {source_labels: [env], target_label: loud, action: uppercase}
  - {regex: 'tmp_.*', action: labeldrop}
  - {target_label: instance, replacement: 'here'}
  - {source_labels: [host], target_label: instance, replacement: '$1/$2', regex: '(.*)(-.)'}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: 'shop_gone|shop_nan', action: drop}
  - {source_labels: [__name__], regex: 'shop_(.*)', target_label: __name__, replacement: 'store_$1'}
  - {source_labels: [status], regex: '(.)..', target_label: class, replacement: '${1}xx'}
  - {source_labels: [quantile, le], separator: '', target_label: bound}
- job_name: limited
  sample_limit: 3
  static_configs: [{targets: [ONE]}]
";

/// Keeps the labels of what it was given.
#[derive(Debug, Default)]
struct Names(Mutex<BTreeSet<String>>);

impl Sink for Names {
    fn append(&self, batch: &mut Batch) -> Result<Appended, SinkError> {
        let mut names = self.0.lock().unwrap();
        for (row, labels) in &batch.new {
            names.insert(labels.to_string());
            batch.rows[*row as usize].series = names.len() as u64;
        }
        Ok(Appended::default())
    }
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().unwrap().iter();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

fn ask(port: u16, path: &str) -> Value {
    let (_, body) = get(port, path, "*/*");
    serde_json::from_slice::<Value>(&body).unwrap()["data"].take()
}

/// Job, labels, address and health of every target.
type Targets = BTreeSet<(String, String, String, String)>;

fn theirs(port: u16) -> (BTreeSet<String>, Targets) {
    let series = ask(
        port,
        "/api/v1/series?match[]=%7B__name__!=%22%22%7D&start=0",
    );
    let series = series
        .as_array()
        .unwrap()
        .iter()
        .map(|one| labels(one).to_string())
        .collect();
    let data = ask(port, "/api/v1/targets?state=active");
    let targets = data["activeTargets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| {
            let text = |key: &str| target[key].as_str().unwrap().to_owned();
            (
                text("scrapePool"),
                labels(&target["labels"]).to_string(),
                text("scrapeUrl"),
                text("health"),
            )
        });
    (series, targets.collect())
}

fn ours(snapshot: &Snapshot) -> Targets {
    let targets = snapshot.active.iter().map(|target| {
        let health = target.health.as_str().to_owned();
        (
            target.pool.clone(),
            target.labels.to_string(),
            target.url.clone(),
            health,
        )
    });
    targets.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_and_we_make_the_same_series_of_the_same_file() {
    let test = "prometheus_and_we_make_the_same_series_of_the_same_file";
    let Some(prometheus) = program("prometheus", test) else {
        return;
    };
    let mut text = CONFIG.to_owned();
    for name in ["ONE", "TWO"] {
        text = text.replace(name, &format!("'127.0.0.1:{}'", serve(BODY)));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yml");
    std::fs::write(&file, &text).unwrap();
    let port = free_port();
    let _peer = Peer::start(
        Command::new(prometheus).args([
            format!("--config.file={}", file.display()),
            format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=error".to_owned(),
        ]),
        port,
    );
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    let names = Arc::new(Names::default());
    let scraper = Scraper::new(names.clone(), Settings::default());
    scraper.apply(&config.jobs);
    let deadline = Instant::now() + PATIENCE;
    // Both have asked every target once.
    let (series, targets) = loop {
        let known = |targets: &Targets| {
            targets.len() == 6 && targets.iter().all(|target| target.3 != "unknown")
        };
        let (series, targets) = theirs(port);
        let snapshot = scraper.snapshot();
        if known(&targets) && known(&ours(&snapshot)) {
            break (series, targets);
        }
        assert!(Instant::now() < deadline, "{targets:?} {snapshot:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let snapshot = scraper.snapshot();
    assert_eq!(ours(&snapshot), targets);
    assert!(
        snapshot
            .active
            .iter()
            .any(|target| target.health == Health::Down),
        "the limit"
    );
    assert_eq!(snapshot.dropped.len(), 1);
    // What has a time of 2014 is too old for Prometheus to keep, and there for us.
    let old = |name: &String| name.contains("_time_seconds");
    let own = names.0.lock().unwrap();
    let mine: BTreeSet<&String> = own.iter().filter(|name| !old(name)).collect();
    assert_eq!(mine, series.iter().collect::<BTreeSet<_>>());
    // Two of a job have the same labels where both ports happen to fall into one shard.
    let without_limit = targets.iter().filter(|target| target.0 != "limited");
    let distinct: BTreeSet<&String> = without_limit.map(|target| &target.1).collect();
    assert_eq!(
        own.len() - mine.len(),
        distinct.len(),
        "one of each target that has no limit"
    );
}
