//! Prometheus takes what is rendered for it, and Mainstay reads it to the same jobs and labels.

use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Project, Target, render};
use mainstay_series::Labels;
use mainstay_targets::{Configuration, Discovery, Group, targets};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every example in every environment, with a name for each.
fn all() -> Vec<(String, Project)> {
    let mut all = vec![("everything".to_owned(), project(COMPOSE, MAINSTAY))];
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("it is there");
            all.push((format!("{name}-{environment}"), seen));
        }
    }
    all
}

#[test]
fn promtool_takes_every_example_in_every_environment() {
    let test = "promtool_takes_every_example_in_every_environment";
    let Some(promtool) = find("promtool", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(promtool);
    command.args(["check", "config"]);
    for (name, project) in all() {
        let folder = folder.path().join(name);
        write(&render(Target::Prometheus, &project), &folder);
        // The token is not here.
        let file = folder.join("prometheus.yml");
        let text = std::fs::read_to_string(&file).expect("a file");
        let token = folder.join("token");
        std::fs::write(&token, "t").expect("a file");
        let there = token.display().to_string();
        let text = text.replace("/etc/prometheus/secrets/mainstay_token", &there);
        std::fs::write(&file, text).expect("a file");
        command.arg(&file);
    }
    let said = quiet(&mut command);
    assert!(said.contains("rules found"), "rule files were read: {said}");
    assert!(!said.to_ascii_lowercase().contains("warning"), "{said}");
}

#[test]
fn blackbox_exporter_takes_its_modules() {
    let test = "blackbox_exporter_takes_its_modules";
    let Some(exporter) = find("prometheus-blackbox-exporter", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let rendering = render(Target::Prometheus, &project(COMPOSE, MAINSTAY));
    write(&rendering, folder.path());
    let file = folder.path().join("blackbox.yml");
    let text = std::fs::read_to_string(&file).expect("a file");
    for module in [
        "route:",
        "probe-site:",
        "probe-port:",
        "probe-secure:",
        "probe-name:",
    ] {
        assert!(text.contains(module), "{module}\n{text}");
    }
    let file = format!("--config.file={}", file.display());
    quiet(Command::new(exporter).args(["--config.check", &file]));
}

/// The file as Mainstay itself reads it.
fn read(project: &Project) -> Configuration {
    let rendering = render(Target::Prometheus, project);
    let text = &rendering.files["prometheus.yml"].text;
    let path = Path::new("/etc/prometheus/prometheus.yml");
    let (configuration, problems) = Configuration::read(text, path, "prometheus.yml");
    assert!(problems.is_empty(), "{problems}");
    configuration
}

#[test]
fn mainstay_reads_the_same_jobs() {
    for (name, project) in all() {
        let configuration = read(&project);
        assert!(configuration.alerting.is_some(), "{name}");
        let jobs: Vec<&str> = configuration
            .jobs
            .iter()
            .map(|job| job.name.as_str())
            .collect();
        if name == "whispercache-production" {
            let expected = [
                "prometheus",
                "alertmanager",
                "backend",
                "frontend",
                "node",
                "cadvisor",
                "postgres",
                "redis",
                "blackbox-routes",
            ];
            assert_eq!(jobs, expected);
            let rules = configuration.rule_files.iter();
            let rules: Vec<&str> = rules.map(|(pattern, _)| pattern.as_str()).collect();
            let folder = "/etc/prometheus";
            let expected = [
                format!("{folder}/rules/whispercache/alerts.yaml"),
                format!("{folder}/*.rules.yml"),
            ];
            assert_eq!(rules, expected);
        }
        if name == "whispercache-dev" {
            assert_eq!(jobs, ["prometheus", "alertmanager", "mainstay-federate"]);
        }
    }
}

const COMPOSE: &str = "\
services:
  app:
    image: shop/app:1
    expose: [\"8000\"]
  worker:
    image: shop/worker:1
  quiet:
    image: shop/quiet:1
    expose: [\"8000\"]
  db: {image: \"postgres:16\"}
  other-db: {image: \"postgres:16\"}
  cache: {image: \"redis:7\"}
";

const MAINSTAY: &str = "\
environments:
  production: {purpose: production, target: docker}
routes:
  - {path: /app, service: app, host: shop.example.org, strip_prefix: true}
  - {path: /, service: quiet, host: \"*.example.org\"}
health:
  app: {http: /health}
  quiet: {http: /health}
metrics:
  app: {enabled: true, path: /internal/metrics, port: 9100, interval: 5s}
  worker: {enabled: true}
  quiet: {enabled: false}
probes:
  site: {http: \"https://example.org/\", status: [200, 204]}
  port: {tcp: \"db.example.org:5432\"}
  secure: {tls: \"shop.example.org:443\", insecure: true}
  name: {dns: \"192.0.2.1:53\", name: example.org, record: AAAA}
";

fn says(labels: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let said = labels.get(*name).map(String::as_str);
        assert_eq!(said, Some(*value), "{name} of {labels:?}");
    }
}

#[test]
fn series_have_the_labels_that_mainstay_gives() {
    let configuration = read(&project(COMPOSE, MAINSTAY));
    let labels = |job: &str, address: &str| -> Vec<BTreeMap<String, String>> {
        let job = configuration.jobs.iter().find(|one| one.name == job);
        let job = job.unwrap_or_else(|| panic!("no {job:?}"));
        let mut groups = Vec::new();
        for discovery in &job.discovery {
            match discovery {
                Discovery::Static(known) => groups.extend(known.clone()),
                _ => groups.push(Group::of_addresses("dns", Labels::empty(), [address])),
            }
        }
        let found = targets(job, &groups);
        assert!(found.errors.is_empty());
        let active = found.active.iter();
        active
            .map(|target| {
                let pairs = target.labels.iter();
                pairs
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .chain([("url".to_owned(), target.url.clone())])
                    .collect()
            })
            .collect()
    };
    let scope = [("stack", "shop"), ("environment", "production")];
    let app = labels("app", "10.0.0.7:9100");
    says(&app[0], &scope);
    says(
        &app[0],
        &[
            ("job", "app"),
            ("service", "app"),
            ("instance", "10.0.0.7:9100"),
            ("url", "http://10.0.0.7:9100/internal/metrics"),
        ],
    );
    let databases = labels("postgres", "");
    assert_eq!(databases.len(), 2);
    says(&databases[0], &scope);
    says(
        &databases[0],
        &[
            ("service", "db"),
            ("instance", "db"),
            ("url", "http://db-exporter:9187/metrics"),
        ],
    );
    let site = "https://example.org/";
    let probe = labels("blackbox-probe-site", "");
    says(&probe[0], &scope);
    says(
        &probe[0],
        &[("job", "blackbox"), ("instance", site), ("probe", "site")],
    );
    let route = labels("blackbox-routes", "");
    assert_eq!(route.len(), 1, "nobody knows what stands for the star");
    let url = "https://shop.example.org/app/health";
    says(
        &route[0],
        &[
            ("job", "blackbox"),
            ("instance", url),
            ("service", "app"),
            ("probe", "shop.example.org/app"),
        ],
    );
}

#[test]
fn what_prometheus_cannot_do_is_named() {
    let lost = |project: &Project| -> Vec<String> {
        let problems = render(Target::Prometheus, project).problems;
        problems.iter().map(|one| one.message.clone()).collect()
    };
    let compose = format!("{COMPOSE}  site: {{image: shop/site:1, expose: [\"80\"]}}\n");
    let mainstay = MAINSTAY.replace(
        "health:\n",
        "  - {path: /site, service: site}\nhealth:\n  site: {http: /site}\n",
    );
    let all = lost(&project(&compose, &mainstay));
    let names = [
        "`metrics.site: found by itself` is lost",
        "`metrics.worker` is lost: nothing says on which port",
    ];
    assert_eq!(all.len(), names.len(), "{all:?}");
    for (lost, name) in all.iter().zip(names) {
        assert!(lost.starts_with(name), "{lost}");
    }
    let process = lost(
        &example("whispercache")
            .seen_from(&"dev".parse().unwrap())
            .unwrap(),
    );
    assert_eq!(process.len(), 1);
    assert!(process[0].starts_with("`target: process` is lost"));
}
