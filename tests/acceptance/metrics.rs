//! Metrics: what runs is found and scraped by itself, stored through crashes, and asked for in
//! PromQL, by our own commands and by the tools of Prometheus.

use crate::site::{QUICK, Site};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

const OFTEN: &str = "metrics: {interval: 1s}\n";

fn site(server: &str) -> Site {
    let site = Site::sample();
    site.write(".mainstay/server.yaml", server);
    site
}

/// The series of an instant query.
pub(crate) fn query(site: &Site, expression: &str) -> Vec<Value> {
    let answer = site.json(&["query", expression]);
    answer["result"].as_array().cloned().unwrap_or_default()
}

/// The value of the only series.
pub(crate) fn value(site: &Site, expression: &str) -> Option<f64> {
    let found = query(site, expression);
    found.first()?["value"][1].as_str()?.parse().ok()
}

#[test]
fn what_runs_is_found_and_its_history_outlives_releases_and_crashes() {
    let site = site(OFTEN);
    site.up();
    site.eventually("both instances are scraped", || {
        value(&site, "sum(up{job=\"app\"})") == Some(2.0)
    });
    let labels = query(&site, "up{instance=\"app-r1-1\"}")[0]["metric"].clone();
    for (label, is) in [
        ("service", "app"),
        ("release", "r1"),
        ("environment", "dev"),
    ] {
        assert_eq!(labels[label], is, "{labels}");
    }
    for _ in 0..30 {
        assert_eq!(site.get("/status").status, 200);
    }
    let served = "sum(http_requests_total{endpoint=\"/status\"}) >= 30";
    site.eventually("its own figures are there", || {
        value(&site, served).is_some()
    });
    let machine = "sum(node_memory_MemTotal_bytes) > 0 and sum(node_cpu_seconds_total) > 0";
    site.eventually("and those of the machine", || {
        value(&site, machine).is_some()
    });
    let proxied = "mainstay_environment_up{environment=\"dev\"}";
    site.eventually("and those of the server", || {
        value(&site, proxied) == Some(1.0)
    });

    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    site.eventually("the old release's series have ended", || {
        value(&site, "count(up{job=\"app\", release=\"r2\"})") == Some(2.0)
            && query(&site, "up{release=\"r1\"}").is_empty()
    });
    // Killed in the middle of everything: what was there before is there afterwards.
    let before = "count(count_over_time(up{release=\"r1\"}[10m]))";
    assert_eq!(value(&site, before), Some(2.0));
    site.kill_server();
    site.start_server();
    assert_eq!(value(&site, before), Some(2.0));
    // What the old server stored answers `up` for minutes still: that scraping goes on is seen at the targets.
    site.eventually("what runs is found and answers again", || {
        let targets = site.ok(&["targets"]);
        let found = targets.contains("app-r2-1") && targets.contains("app-r2-2");
        found && site.run(&["targets", "--down"]).output.status.success()
    });
    site.run(&["targets", "--down"])
        .with_code(0)
        .says("every target answers");
    let drawn = site.ok(&["query", "--range", "5m", "up{job=\"app\"}"]);
    assert!(drawn.contains('┤') && drawn.contains("LAST"), "{drawn}");
    assert!(
        site.ok(&["metrics", "top"])
            .contains("http_request_duration_seconds_bucket")
    );
    site.run(&["query", "sum("])
        .with_code(2)
        .says("unclosed left parenthesis");
    site.run(&["query", "up", "--at", "tomorrow"])
        .with_code(2)
        .says("no time");
    site.ok(&["down"]);
}

#[test]
fn a_service_says_how_its_metrics_are_had_or_that_they_are_not() {
    let site = site(OFTEN);
    let settings = format!("{QUICK}metrics:\n  app: {{path: /nothing-here, interval: 2s}}\n");
    site.write("mainstay.yaml", &settings);
    site.up();
    site.eventually("it is asked where it was said, and does not answer", || {
        value(&site, "sum(up{job=\"app\"})") == Some(0.0)
    });
    site.run(&["targets", "--down"]).with_code(1).says("404");
    site.write(
        "mainstay.yaml",
        &format!("{QUICK}metrics: {{app: {{enabled: false}}}}\n"),
    );
    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    site.eventually("it is not asked any more", || {
        query(&site, "up{job=\"app\"}").is_empty()
    });
    assert!(!site.ok(&["targets"]).contains("app-r2-1"));
    site.write(
        "mainstay.yaml",
        &format!("{QUICK}metrics: {{ap: {{pathh: x}}}}\n"),
    );
    site.run(&["check"])
        .with_code(2)
        .says("did you mean `app`?")
        .says("did you mean `path`?");
    site.ok(&["down"]);
}

/// Answers every request with one sample.
fn exporter() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = "disk_free_bytes{disk=\"a\"} 7\n";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
            let length = body.len();
            let _ = write!(stream, "{head}content-length: {length}\r\n\r\n{body}");
        }
    });
    port
}

#[test]
fn a_file_of_prometheus_is_honoured_and_a_wrong_one_takes_nothing_else_down() {
    let site = site("metrics: {interval: 1s, prometheus: prometheus.yml}\n");
    let port = exporter();
    let file = format!(
        "scrape_configs:\n- job_name: disks\n  scrape_interval: 1s\n  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{site: here}}}}]\n"
    );
    site.write(".mainstay/prometheus.yml", &file);
    site.up();
    site.eventually("its job is scraped", || {
        value(&site, "disk_free_bytes{job=\"disks\", site=\"here\"}") == Some(7.0)
    });
    site.ok(&["down"]);

    site.write(
        ".mainstay/prometheus.yml",
        &file.replace("job_name", "job_nam"),
    );
    site.up();
    assert_eq!(site.get("/status").status, 200);
    site.run(&["query", "up"])
        .with_code(2)
        .says("collects no metrics");
    let log = std::fs::read_to_string(site.path().join(".mainstay/server.log")).unwrap();
    assert!(
        log.contains("did you mean") && log.contains("job_name"),
        "{log}"
    );
    site.ok(&["down"]);
}

#[test]
fn promtool_asks_with_a_token_and_nobody_without() {
    let test = "promtool_asks_with_a_token_and_nobody_without";
    if Command::new("promtool").arg("--version").output().is_err() {
        crate::docker::skip("promtool", test);
        return;
    }
    let site = site(OFTEN);
    site.up();
    site.eventually("there is something to ask for", || {
        value(&site, "sum(up{job=\"app\"})") == Some(2.0)
    });
    let token = site.json(&["token", "create", "grafana", "--role", "viewer"]);
    let token = token["secret"].as_str().unwrap();
    let ask = |user: &str| {
        let mut command = Command::new("promtool");
        let url = format!("http://{user}{}/prometheus", site.api());
        command.args(["query", "instant", &url, "count(up{job=\"app\"})"]);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let output = ask(&format!("grafana:{token}@"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("{} => 2 @["), "{said}{why}");
    for nobody in ["", "grafana:guessed@"] {
        assert!(!ask(nobody).status.success());
    }
    site.ok(&["down"]);
}

#[test]
fn samples_of_the_past_are_filled_in_or_refused_whole() {
    let site = site(OFTEN);
    site.up();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let then = since.unwrap().as_secs() - 3 * 86_400;
    let line = |at: u64, value: u64| format!("orders_total{{shop=\"a\"}} {value} {at}\n");
    let head = "# TYPE orders counter\n";
    let good = format!("{head}{}{}# EOF\n", line(then, 5), line(then + 60, 7));
    site.write("good.om", &good);
    let said = site.json(&["metrics", "backfill", "good.om"]);
    assert_eq!(said["samples"], 2, "{said}");
    let at = (then + 60).to_string();
    let found = site.json(&["query", "orders_total", "--at", &at]);
    assert_eq!(found["result"][0]["value"][1], "7", "{found}");
    let wrong = format!(
        "{head}{}orders_total{{shop=\"b\"}} 1\n# EOF\n",
        line(then, 5)
    );
    site.write("wrong.om", &wrong);
    site.run(&["metrics", "backfill", "wrong.om"])
        .with_code(2)
        .says("line 3");
    let ahead = format!("{head}{}# EOF\n", line(then + 4 * 86_400, 5));
    site.write("ahead.om", &ahead);
    site.run(&["metrics", "backfill", "ahead.om"])
        .with_code(2)
        .says("in the future");
    site.run(&["metrics", "backfill", "gone.om"]).with_code(2);
    site.ok(&["down"]);
}
