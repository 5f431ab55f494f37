//! Dashboards are shaped as Grafana documents it, and each of their expressions asks for what somebody exposes.

use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, repository};
use mainstay_promql::Query;
use mainstay_render::{Project, Target, render};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// Where metrics are made, each under its whole name.
const SOURCES: [&str; 5] = [
    "examples/service/src",
    "crates/exporters/src",
    "crates/server/src/backups",
    "crates/server/src/metrics",
    "crates/server/src/rules",
];

/// Names that are put together: how they begin, and the file in which the rest stands in double quotes.
const BUILT: [(&str, &str); 12] = [
    ("pg_settings_", "crates/exporters/src/postgres.rs"),
    ("redis_", "crates/exporters/src/redis.rs"),
    ("pg_stat_database_", "crates/exporters/src/postgres.rs"),
    ("pg_stat_bgwriter_", "crates/exporters/src/postgres.rs"),
    ("pg_stat_user_tables_", "crates/exporters/src/postgres.rs"),
    ("node_memory_", "/proc/meminfo"),
    ("node_load", "crates/exporters/src/host/cpu.rs"),
    ("node_disk_", "crates/exporters/src/host/disk.rs"),
    ("node_filesystem_", "crates/exporters/src/host/disk.rs"),
    ("node_network_", "crates/exporters/src/host/net.rs"),
    ("container_", "crates/exporters/src/containers/mod.rs"),
    (
        "container_network_",
        "crates/exporters/src/containers/mod.rs",
    ),
];

/// A name's dashboards: file, and what is in it.
fn dashboards(project: &Project) -> BTreeMap<String, Value> {
    let rendering = render(Target::Grafana, project);
    assert!(rendering.problems.is_empty(), "{}", rendering.problems);
    let files = rendering.files.iter();
    files
        .filter_map(|(path, file)| {
            let name = path.strip_prefix("dashboards/")?.strip_suffix(".json")?;
            let value = serde_json::from_str(&file.text).expect("JSON");
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Every dashboard of every example in every environment, under a name of its own.
static ALL: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("it is there");
            let found = dashboards(&seen).into_iter();
            all.extend(found.map(|(file, value)| (format!("{name} {environment} {file}"), value)));
        }
    }
    all
});

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// As Prometheus sees them once Grafana has put in what its variables stand for.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = list(dashboard, "panels").iter();
    let targets = panels.flat_map(|panel| list(panel, "targets"));
    targets
        .map(|target| {
            let expr = target["expr"].as_str().expect("an expression");
            let expr = expr.replace("$__rate_interval", "5m");
            let expr = expr.replace("$environment", "production");
            assert!(!expr.contains('$') && !expr.contains("SCOPE"), "{expr}");
            expr
        })
        .collect()
}

#[test]
fn dashboards_are_chosen_by_what_the_stack_has() {
    let names = |project: &Project| -> Vec<String> { dashboards(project).into_keys().collect() };
    let expected = [
        "ai-ml",
        "application-overview",
        "cache",
        "database",
        "infrastructure",
        "performance-analytics",
        "service-api",
        "third-party-api",
    ];
    assert_eq!(names(&example("whispercache")), expected);
    let plain = project(
        "services: {app: {image: shop/app:1, expose: [\"80\"]}}\n",
        "",
    );
    let expected = [
        "application-overview",
        "infrastructure",
        "performance-analytics",
        "service-api",
        "third-party-api",
    ];
    assert_eq!(names(&plain), expected);
    let titles = |name: &str| -> BTreeSet<String> {
        let all = dashboards(&example(name)).into_values();
        all.flat_map(|dashboard| list(&dashboard, "panels").to_vec())
            .map(|panel| panel["title"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    for (name, there, absent) in [
        ("whispercache", "Proofs", "Discord: commands"),
        ("whisperengine", "Discord: commands", "Proofs"),
        ("whisper-transcriber", "Transcriptions: time", "Echoes"),
        (
            "deep-echo",
            "As Flask counts: requests",
            "Slowest endpoints",
        ),
        (
            "rag-admin",
            "Requests by endpoint",
            "As Flask counts: requests",
        ),
    ] {
        let titles = titles(name);
        assert!(titles.contains(there), "{name}: {there}");
        assert!(!titles.contains(absent), "{name}: {absent}");
    }
}

#[test]
fn dashboards_have_the_shape_that_grafana_documents() {
    let mut uids = BTreeMap::new();
    for (name, dashboard) in ALL.iter() {
        assert!(dashboard["schemaVersion"].as_u64() >= Some(36), "{name}");
        let uid = dashboard["uid"].as_str().expect("a uid").to_owned();
        assert!((1..=40).contains(&uid.len()), "{name}: {uid}");
        let title = dashboard["title"].clone();
        let known = uids.entry(uid).or_insert_with(|| title.clone());
        assert_eq!(*known, title, "{name}: a uid is one dashboard's");
        let variables = list(&dashboard["templating"], "list");
        let kinds: Vec<&str> = variables
            .iter()
            .filter_map(|one| one["type"].as_str())
            .collect();
        assert_eq!(kinds, ["datasource", "query"], "{name}");
        shaped(name, list(dashboard, "panels"));
    }
}

/// Panels have what each needs, and none stands over another.
fn shaped(name: &str, panels: &[Value]) {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    assert!(!panels.is_empty(), "{name}");
    for panel in panels {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(
            !title.is_empty() && ids.insert(panel["id"].as_u64()),
            "{name}"
        );
        assert!(matches!(
            panel["type"].as_str(),
            Some("timeseries" | "stat")
        ));
        assert_eq!(
            panel["datasource"]["uid"], "${datasource}",
            "{name}: {title}"
        );
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{name}: {title}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{name}: {title} stands over another");
        }
        let letters: BTreeSet<_> = list(panel, "targets")
            .iter()
            .map(|target| target["refId"].to_string())
            .collect();
        assert_eq!(
            letters.len(),
            list(panel, "targets").len(),
            "{name}: {title}"
        );
        assert!(!letters.is_empty(), "{name}: {title} asks for nothing");
    }
}

/// Everything in double quotes in the sources of a folder or a file.
fn literals(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder").flatten() {
            literals(&entry.path(), found);
        }
    } else if path.extension().is_some_and(|end| end == "rs") {
        let text = std::fs::read_to_string(path).expect("text");
        found.extend(text.split('"').map(str::to_owned));
    }
}

/// Whether somebody exposes it.
fn is_exposed(name: &str, known: &BTreeSet<String>) -> bool {
    if known.contains(name) {
        return true;
    }
    BUILT.iter().any(|(prefix, file)| {
        let Some(rest) = name.strip_prefix(prefix) else {
            return false;
        };
        let text = std::fs::read_to_string(repository().join(file)).expect("text");
        match *prefix {
            "node_memory_" => {
                let field = rest.strip_suffix("_bytes").unwrap_or(rest);
                text.lines()
                    .any(|line| line.starts_with(&format!("{field}:")))
            }
            // A setting of PostgreSQL's own.
            "pg_settings_" => rest == "max_connections" && text.contains("pg_settings_{name}"),
            // One file and direction, each with its counters.
            "node_network_" => rest
                .split('_')
                .all(|word| word == "total" || text.contains(&format!("\"{word}\""))),
            "node_filesystem_" | "pg_stat_bgwriter_" => {
                let stem = rest.strip_suffix("_total").unwrap_or(rest);
                text.contains(&format!("\"{stem}\""))
            }
            _ => text.contains(&format!("\"{rest}\"")),
        }
    })
}

/// What the proxy counts begins so, and stands in its own list without it.
fn is_proxys(name: &str) -> bool {
    let path = repository().join("crates/proxy/src/metrics.rs");
    let text = std::fs::read_to_string(path).expect("text");
    let rest = name.strip_prefix("mainstay_proxy_");
    rest.is_some_and(|rest| text.contains(&format!("\"{rest}\"")))
}

#[test]
fn every_expression_parses_and_asks_for_what_somebody_exposes() {
    let mut known = BTreeSet::from(["up".to_owned()]);
    for folder in SOURCES {
        literals(&repository().join(folder), &mut known);
    }
    let mut unknown = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut parsed = BTreeSet::new();
    for (name, dashboard) in ALL.iter() {
        for expr in expressions(dashboard) {
            if !parsed.insert(expr.clone()) {
                continue;
            }
            let query =
                Query::parse(&expr).unwrap_or_else(|error| panic!("{name}: {expr}: {error}"));
            for selector in query.expr().selectors() {
                let metric = selector.name.as_deref().expect("a name").to_owned();
                let stem = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| metric.strip_suffix(suffix));
                let mut names = [Some(metric.as_str()), stem].into_iter().flatten();
                if !names.any(|name| is_exposed(name, &known) || is_proxys(name)) {
                    unknown.insert(metric.clone());
                }
                seen.insert(metric.clone());
            }
        }
    }
    assert!(unknown.is_empty(), "nothing exposes {unknown:?}");
    assert!(seen.len() > 80, "{} names were looked for", seen.len());
    assert!(
        !is_exposed("redis_no_such_metric", &known) && !is_exposed("node_memory_No_bytes", &known)
    );
}

#[test]
fn promtool_takes_every_expression() {
    let Some(promtool) = find("promtool", "promtool_takes_every_expression") else {
        return;
    };
    let expressions: BTreeSet<String> = ALL
        .iter()
        .flat_map(|(_, dashboard)| expressions(dashboard))
        .collect();
    let rules: Vec<Value> = expressions
        .iter()
        .enumerate()
        .map(|(at, expr)| serde_json::json!({"record": format!("panel:{at}"), "expr": expr}))
        .collect();
    // JSON is YAML.
    let file = serde_json::json!({"groups": [{"name": "panels", "rules": rules}]});
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yml");
    std::fs::write(&path, file.to_string()).expect("a file");
    let said = quiet(Command::new(promtool).args(["check", "rules"]).arg(&path));
    assert!(
        said.contains(&format!("{} rules found", expressions.len())),
        "{said}"
    );
}

/// Reads files as Grafana's own types have them, writes them again, and prints what was lost on the way.
const READ_AND_WRITTEN: &str = r#"
import json, sys
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

def lost(before, after, path):
    if isinstance(before, dict):
        for key, value in before.items():
            if isinstance(after, dict) and key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            elif value not in (None, [], ""):
                yield f"{path}.{key}"
    elif isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            yield path
        else:
            for one, other in zip(before, after):
                yield from lost(one, other, path)
    elif before != after:
        yield f"{path}: {before} became {after}"

plugins.register_default_plugins()
for name in sys.argv[1:]:
    with open(name) as file:
        before = json.load(file)
    after = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
    for one in lost(before, after, ""):
        print(name, one)
"#;

#[test]
fn grafanas_own_types_know_every_key() {
    let environment = repository().join("target/peers/grafana-foundation-sdk");
    let python = environment.join("bin/python");
    if !python.is_file() {
        let test = "grafanas_own_types_know_every_key";
        let line = format!("skipped for want of grafana-foundation-sdk: {test}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(&python);
    command.args(["-c", READ_AND_WRITTEN]);
    for (name, dashboard) in ALL.iter() {
        let path = folder.path().join(name.replace(' ', "-"));
        std::fs::write(&path, dashboard.to_string()).expect("a file");
        command.arg(path);
    }
    assert_eq!(quiet(&mut command), "");
    // It does find what there is not.
    let (_, mut wrong) = ALL[0].clone();
    wrong["panels"][0]["fieldConfig"]["defaults"]["units"] = "s".into();
    let path = folder.path().join("wrong");
    std::fs::write(&path, wrong.to_string()).expect("a file");
    let mut command = Command::new(&python);
    command.args(["-c", READ_AND_WRITTEN]).arg(path);
    let said = quiet(&mut command);
    assert!(
        said.contains(".panels.fieldConfig.defaults.units"),
        "{said}"
    );
}
