//! What is scraped, and the rules.
//!
//! `prometheus.yml` has Mainstay's jobs under Mainstay's labels, so that rules and dashboards hold for both; `rules`
//! has the packs and the stack's own files as they are; `blackbox.yml` is for the exporter that asks from outside.
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/configuration/>.

mod jobs;
mod outside;
mod rules;

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};

const REMOTE_WRITE: &str = "Everything can be sent on to a long-term store:
remote_write:
  - url: https://metrics.example.org/api/v1/write
    authorization: {credentials_file: /etc/prometheus/secrets/remote_write_token}

Started with `--storage.tsdb.retention.time=15d` details are kept for 15 days; for 90 days of aggregates give the
long-term store the recorded series (their names have a colon) and a retention of its own.";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let rules = rules::files(project);
    let mut scraped = vec![jobs::own("prometheus", "localhost:9090")];
    scraped.push(jobs::own("alertmanager", "alertmanager:9093"));
    if stack.target == TargetKind::Process {
        scraped.extend(jobs::federated(stack, out));
    } else {
        scraped.extend(jobs::of_services(stack, out));
        scraped.extend(jobs::of_exporters(stack));
        scraped.extend(outside::jobs(stack, out));
    }
    let mut patterns: Vec<&str> = rules.keys().map(String::as_str).collect();
    // Under another name beside this file: `layout` may put a rule file anywhere.
    patterns.push("*.rules.yml");
    let text = Map::new()
        .set("global", global())
        .set("rule_files", patterns)
        .set("alerting", alerting())
        .comment(REMOTE_WRITE)
        .set("scrape_configs", scraped);
    out.yaml("prometheus.yml", &[Doc::from(text)]);
    if let Some(modules) = outside::modules(stack) {
        out.yaml("blackbox.yml", &[Doc::from(modules)]);
    }
    for (path, text) in rules {
        out.text(path, "#", &text);
    }
}

/// Whether there is a `blackbox.yml`: something is asked from outside.
pub(crate) fn asks_from_outside(stack: &Stack) -> bool {
    outside::modules(stack).is_some()
}

/// The server's own intervals.
fn global() -> Map {
    Map::new()
        .set("scrape_interval", "15s")
        .set("evaluation_interval", "15s")
}

fn alerting() -> Map {
    let targets = Map::new().set("targets", ["alertmanager:9093"]);
    let managers = Map::new().set("static_configs", [targets]);
    Map::new().set("alertmanagers", [managers])
}

/// What every series of the stack says of where it is from.
fn labels(stack: &Stack) -> Map {
    Map::new()
        .set("stack", stack.name.as_str())
        .set("environment", stack.environment.as_str())
}
