//! Files as people write them, and what is said of what is wrong with them.

use super::*;
use mainstay_model::{SecretSource, TlsVersion};

fn read(text: &str) -> (Configuration, Vec<String>) {
    let (config, problems) = Configuration::read(text, Path::new("/etc/prom/p.yml"), "p.yml");
    (config, problems.iter().map(ToString::to_string).collect())
}

const WHOLE: &str = "
global:
  scrape_interval: 15s
  scrape_timeout: 5s
  external_labels: {cluster: eu, replica: 1}
  sample_limit: 1000
rule_files: ['rules/*.yml']
alerting:
  alertmanagers:
  - static_configs: [{targets: ['am:9093', 'am2']}]
    scheme: https
    path_prefix: /alerts/
    basic_auth: {username: u, password: p}
    alert_relabel_configs: [{action: labeldrop, regex: replica}]
scrape_configs:
- job_name: api
  scrape_interval: 1m
  metrics_path: /m
  scheme: https
  params: {module: [a, b]}
  honor_labels: true
  body_size_limit: 10MB
  basic_auth: {username: u, password_file: pw}
  tls_config: {ca_file: ca.pem, server_name: api, min_version: TLS13}
  static_configs:
  - targets: ['h:1', h:2]
    labels: {env: dev}
  file_sd_configs:
  - files: ['sd/*.json', /abs/t.yml]
    refresh_interval: 10s
  dns_sd_configs:
  - names: [_m._tcp.svc]
  - {names: [h], type: A, port: 9100}
  docker_sd_configs:
  - {host: 'unix:///var/run/docker.sock', filters: [{name: label, values: [m]}]}
  http_sd_configs:
  - {url: 'http://sd/targets', authorization: {credentials: t}}
  relabel_configs:
  - {source_labels: [a, b], regex: '(.+);x', target_label: t, replacement: '$1'}
  - {action: labeldrop, regex: tmp_.*}
- job_name: other
remote_write:
- url: http://mimir/api/v1/push
  write_relabel_configs: [{source_labels: [__name__], regex: up, action: keep}]
  queue_config: {max_samples_per_send: 500}
  headers: {X-Scope-OrgID: t1}
";

#[test]
fn a_file_is_read_as_it_is() {
    let (config, problems) = read(WHOLE);
    assert_eq!(problems, [""; 0]);
    let (api, other) = (&config.jobs[0], &config.jobs[1]);
    assert_eq!((api.interval.as_secs(), api.timeout.as_secs()), (60, 5));
    assert_eq!(
        (other.interval.as_secs(), other.metrics_path.as_str()),
        (15, "/metrics")
    );
    assert_eq!(
        (api.limits.body_bytes, api.limits.samples),
        (10 << 20, 1000)
    );
    assert_eq!(api.params["module"], ["a", "b"]);
    let basic = api.client.basic_auth.as_ref().unwrap();
    assert_eq!(
        basic.password,
        Some(SecretSource::File("/etc/prom/pw".into()))
    );
    assert_eq!(
        api.client.tls.ca,
        Some(SecretSource::File("/etc/prom/ca.pem".into()))
    );
    assert_eq!(api.client.tls.min_version, Some(TlsVersion::V13));
    assert_eq!(api.relabel.len(), 2);
    assert_eq!(api.discovery.len(), 6);
    let Discovery::File(files) = &api.discovery[1] else {
        panic!("{:?}", api.discovery)
    };
    assert_eq!(files.files[0], Path::new("/etc/prom/sd/*.json"));
    let Discovery::Dns(dns) = &api.discovery[2] else {
        panic!("{:?}", api.discovery)
    };
    assert_eq!((dns.record, dns.refresh.as_secs()), (DnsRecord::Srv, 30));
    assert_eq!(config.rule_files[0].0, "/etc/prom/rules/*.yml");
    let alertmanagers = &config.alerting.as_ref().unwrap().alertmanagers[0];
    assert_eq!(
        alertmanagers.urls,
        ["https://am:9093/alerts", "https://am2/alerts"]
    );
    assert_eq!(alertmanagers.relabel.len(), 1);
    assert!(alertmanagers.client.basic_auth.is_some());
    assert_eq!(config.global.external_labels["replica"], "1");
    let write = &config.remote_write[0];
    assert_eq!(
        (write.name.as_str(), write.queue.max_samples_per_send),
        ("remote-0", 500)
    );
    assert_eq!(write.client.headers[0].0, "X-Scope-OrgID");
}

/// A text, and the one thing that is wrong with it.
const WRONG: [(&str, &str); 22] = [
    (
        "alerting: {alertmanagers: [{dns_sd_configs: []}]}",
        "error: p.yml:1:29: `dns_sd_configs` in alertmanagers is not supported yet\n  hint: name the Alertmanagers in `static_configs`",
    ),
    (
        "alerting: {alertmanager: []}",
        "error: p.yml:1:12: unknown key `alertmanager` in alerting\n  hint: did you mean `alertmanagers`?",
    ),
    (
        "scrape_config: []",
        "error: p.yml:1:1: unknown key `scrape_config` in the file\n  hint: did you mean `scrape_configs`?",
    ),
    (
        "otlp: {}",
        "error: p.yml:1:1: `otlp` in the file is not supported yet\n  hint: OTLP metrics are not received yet",
    ),
    (
        "global: {scrape_interval: 15}",
        "error: p.yml:1:27: `scrape_interval` must be a duration such as `15s`, found `15`",
    ),
    (
        "global: {scrape_interval: 0s}",
        "error: p.yml:1:9: `scrape_interval` and `scrape_timeout` are not zero",
    ),
    (
        "global: {query_log_file: q}",
        "warning: p.yml:1:10: `query_log_file` in global does nothing here\n  hint: queries stand in the server's own log",
    ),
    (
        "scrape_configs: [{job_name: a}, {job_name: a}]",
        "error: p.yml:1:44: job `a` stands here twice",
    ),
    (
        "scrape_configs: [{scheme: http}]",
        "error: p.yml:1:18: a job needs a `job_name`",
    ),
    (
        "scrape_configs: [{job_name: a, scheme: ftp}]",
        "error: p.yml:1:40: `scheme` must be `http` or `https`, found `ftp`",
    ),
    (
        "scrape_configs: [{job_name: a, scrape_interval: 1s, scrape_timeout: 2s}]",
        "error: p.yml:1:18: `scrape_timeout` is longer than `scrape_interval`",
    ),
    (
        "scrape_configs: [{job_name: a, consul_sd_configs: []}]",
        "error: p.yml:1:32: `consul_sd_configs` in scrape_configs is not supported yet\n  hint: write the targets to a file and use `file_sd_configs`",
    ),
    (
        "scrape_configs: [{job_name: a, proxy_url: x}]",
        "error: p.yml:1:32: `proxy_url` in scrape_configs is not supported yet\n  hint: requests go to their targets directly",
    ),
    (
        "scrape_configs: [{job_name: a, scrape_native_histograms: true}]",
        "error: p.yml:1:58: `scrape_native_histograms: true`: native histograms are not supported yet",
    ),
    (
        "scrape_configs: [{job_name: a, static_configs: [{targets: ['http://h/']}]}]",
        "error: p.yml:1:49: target `http://h/` is an address, `host:port`, without a scheme or path",
    ),
    (
        "scrape_configs: [{job_name: a, dns_sd_configs: [{names: [a], type: A}]}]",
        "error: p.yml:1:49: records of this type have no port: `port` is needed",
    ),
    (
        "scrape_configs: [{job_name: a, relabel_configs: [{action: kep}]}]",
        "error: p.yml:1:59: `action` must be an action such as `replace`, `keep` or `labeldrop`, found `kep`",
    ),
    (
        "scrape_configs: [{job_name: a, relabel_configs: [{regex: '('}]}]",
        "error: p.yml:1:50: action `replace` needs `target_label`",
    ),
    (
        "scrape_configs: [{job_name: a, basic_auth: {username: u}, bearer_token: t}]",
        "error: p.yml:1:18: only one of `basic_auth`, `authorization` and `bearer_token` can be sent",
    ),
    (
        "scrape_configs: [{job_name: a, tls_config: {min_version: TLS10}}]",
        "error: p.yml:1:58: `min_version` must be `TLS12` or `TLS13` (older ones are not spoken), found `TLS10`",
    ),
    (
        "scrape_configs: 5",
        "error: p.yml:1:17: `scrape_configs` must be a list, found `5`",
    ),
    (
        "remote_write: [{url: x}]",
        "error: p.yml:1:16: `url` begins with `http://` or `https://`",
    ),
];

#[test]
fn what_is_not_honoured_is_said_with_its_place() {
    for (text, wanted) in WRONG {
        assert_eq!(read(text).1, [wanted], "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let (config, _) =
        read("scrape_configs: [{job_name: a, basic_auth: {username: u, password: hunter2}}]");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn relabelling_may_begin_with_a_url() {
    let rules = "relabel_configs: [{source_labels: [__address__], target_label: __param_target}]";
    let targets = "static_configs: [{targets: ['https://h/health']}]";
    let text = format!("scrape_configs: [{{job_name: blackbox, {targets}, {rules}}}]");
    assert_eq!(read(&text).1, [""; 0]);
}
