//! The rule packs in `rules/`: every alert says how bad it is and where its runbook is, asks for metrics that
//! exist, and is shown firing, resolved and quiet. promtool is asked too, where it is installed.

use super::{assert_none, root, text};
use mainstay_model::Problems;
use mainstay_promql::Query;
use mainstay_yaml::{parse, source::Source, tree::Node};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(crate) const PACKS: [&str; 6] = [
    "deep-echo",
    "mainstay",
    "rag-admin",
    "whisper-transcriber",
    "whispercache",
    "whisperengine",
];

const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

const CATEGORIES: [&str; 7] = [
    "health",
    "error-rate",
    "latency",
    "resources",
    "storage",
    "security",
    "business",
];

/// Where metrics are made, each under its whole name.
const SOURCES: [&str; 5] = [
    "examples/service/src",
    "crates/exporters/src",
    "crates/server/src/backups",
    "crates/server/src/metrics",
    "crates/server/src/rules",
];

/// Names that are put together: the name, the file that does it, and what stands there.
const BUILT: [(&str, &str, &str); 7] = [
    ("up", "crates/scrape/src", "\"up\""),
    (
        "mainstay_proxy_requests_total",
        "crates/proxy/src/metrics.rs",
        "\"requests_total\"",
    ),
    (
        "node_memory_MemAvailable_bytes",
        "crates/exporters/src/host/memory.rs",
        "node_memory_",
    ),
    (
        "node_memory_MemTotal_bytes",
        "crates/exporters/src/host/memory.rs",
        "node_memory_",
    ),
    (
        "node_filesystem_avail_bytes",
        "crates/exporters/src/host/disk.rs",
        "avail_bytes",
    ),
    (
        "node_filesystem_size_bytes",
        "crates/exporters/src/host/disk.rs",
        "size_bytes",
    ),
    (
        "node_filesystem_readonly",
        "crates/exporters/src/host/disk.rs",
        "readonly",
    ),
];

/// One rule of a pack.
pub(crate) struct Rule {
    pub(crate) pack: &'static str,
    pub(crate) place: String,
    pub(crate) alert: Option<String>,
    pub(crate) record: Option<String>,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Rule {
    fn severity(&self) -> &str {
        self.labels.get("severity").map_or("", String::as_str)
    }
}

fn file(pack: &str, name: &str) -> Option<String> {
    let path = format!("rules/{pack}/{name}");
    root().join(&path).is_file().then_some(path)
}

fn tree(path: &str) -> Node {
    let source = Arc::new(Source::named(path));
    let mut problems = Problems::default();
    let text = text(Path::new(path)).expect("a pack is text");
    let mut documents = parse(&text, &source, &mut problems);
    assert!(problems.is_empty(), "{path}: {problems:?}");
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

fn words(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default().iter();
    entries
        .filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned())))
        .collect()
}

/// Every rule of every pack.
pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for pack in PACKS {
        for path in ["recording.yaml", "alerts.yaml"]
            .iter()
            .filter_map(|name| file(pack, name))
        {
            let tree = tree(&path);
            let groups = tree.get("groups").map(Node::items).unwrap_or_default();
            let nodes = groups
                .iter()
                .flat_map(|group| group.get("rules").map(Node::items).unwrap_or_default());
            for node in nodes {
                let word = |key| node.get(key).and_then(Node::as_text).map(str::to_owned);
                rules.push(Rule {
                    pack,
                    place: format!("{path}:{}", node.at.line),
                    alert: word("alert"),
                    record: word("record"),
                    expr: word("expr").unwrap_or_default(),
                    labels: words(node.get("labels")),
                    annotations: words(node.get("annotations")),
                });
            }
        }
    }
    rules
}

#[test]
fn every_folder_of_rules_is_a_pack() {
    let folder = std::fs::read_dir(root().join("rules")).expect("there are packs");
    let mut names: Vec<String> = folder
        .map(|entry| entry.expect("can be listed"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    assert_eq!(names, PACKS);
}

#[test]
fn each_alert_says_how_bad_it_is_and_where_to_read_on() {
    let mut mistakes = Vec::new();
    for rule in rules() {
        let Some(alert) = &rule.alert else { continue };
        let place = &rule.place;
        if !SEVERITIES.contains(&rule.severity()) {
            mistakes.push(format!(
                "{place}: {alert}: severity is one of {SEVERITIES:?}"
            ));
        }
        let category = rule.labels.get("category").map_or("", String::as_str);
        if !CATEGORIES.contains(&category) {
            mistakes.push(format!(
                "{place}: {alert}: category is one of {CATEGORIES:?}"
            ));
        }
        for annotation in ["summary", "description"] {
            if rule
                .annotations
                .get(annotation)
                .is_none_or(String::is_empty)
            {
                mistakes.push(format!("{place}: {alert} has no {annotation}"));
            }
        }
        let page = format!("docs/runbooks/{alert}.md");
        if rule.annotations.get("runbook_url") != Some(&page) {
            mistakes.push(format!("{place}: {alert}: runbook_url is not {page}"));
        }
        if !root().join(&page).is_file() {
            mistakes.push(format!(
                "{place}: {page} is not there\n  mend: write the page"
            ));
        }
    }
    assert_none(&mistakes);
}

/// Everything in double quotes in the sources of a folder, or of a file.
fn literals(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in super::files() {
        if path.starts_with(folder) && path.extension().is_some_and(|extension| extension == "rs") {
            let text = text(&path).expect("source is text");
            found.extend(text.split('"').map(str::to_owned));
        }
    }
    found
}

fn holds(place: &str, what: &str) -> bool {
    let mut texts = super::files()
        .into_iter()
        .filter(|path| path.starts_with(place));
    texts.any(|path| text(&path).is_some_and(|text| text.contains(what)))
}

#[test]
fn each_rule_parses_and_asks_for_metrics_that_exist() {
    let rules = rules();
    let known: BTreeSet<String> = SOURCES.iter().flat_map(|folder| literals(folder)).collect();
    let recorded: BTreeSet<&str> = rules
        .iter()
        .filter_map(|rule| rule.record.as_deref())
        .collect();
    let mut mistakes = Vec::new();
    for (name, place, what) in BUILT {
        if !holds(place, what) {
            mistakes.push(format!("{place} does not make {name} any more"));
        }
    }
    for rule in &rules {
        let query = match Query::parse(&rule.expr) {
            Ok(query) => query,
            Err(error) => {
                mistakes.push(format!("{}: {error}", rule.place));
                continue;
            }
        };
        for name in query
            .expr()
            .selectors()
            .iter()
            .filter_map(|one| one.name.as_deref())
        {
            let stem = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            let is_known = [Some(name), stem].into_iter().flatten().any(|name| {
                known.contains(name)
                    || recorded.contains(name)
                    || BUILT.iter().any(|(built, ..)| *built == name)
            });
            if !is_known {
                mistakes.push(format!("{}: nothing exposes {name}", rule.place));
            }
        }
    }
    assert_none(&mistakes);
}

/// The severities that fire at one time.
type Firing = BTreeSet<String>;

/// A test's name, and what it expects of one alert at one time after the other.
type Expected = (String, Vec<Firing>);

/// What a pack's tests expect, by alert.
fn expectations(pack: &str) -> BTreeMap<String, Vec<Expected>> {
    let tree = tree(&file(pack, "tests.yaml").expect("a pack has tests"));
    let mut expected: BTreeMap<String, Vec<Expected>> = BTreeMap::new();
    for (number, test) in tree
        .get("tests")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let name = test.get("name").and_then(Node::as_text).unwrap_or_default();
        let name = format!("{number}: {name}");
        assert!(
            test.get("input_series")
                .is_some_and(|series| !series.items().is_empty()),
            "{pack}: {name}: without series nothing is tested"
        );
        for case in test
            .get("alert_rule_test")
            .map(Node::items)
            .unwrap_or_default()
        {
            let alert = case
                .get("alertname")
                .and_then(Node::as_text)
                .unwrap_or_default();
            let firing = case.get("exp_alerts").map(Node::items).unwrap_or_default();
            let severities = firing.iter().filter_map(|one| {
                Some(
                    one.get("exp_labels")?
                        .get("severity")?
                        .as_text()?
                        .to_owned(),
                )
            });
            let tests = expected.entry(alert.to_owned()).or_default();
            if tests.last().is_none_or(|(last, _)| *last != name) {
                tests.push((name.clone(), Vec::new()));
            }
            if let Some((_, times)) = tests.last_mut() {
                times.push(severities.collect());
            }
        }
    }
    expected
}

#[test]
fn each_alert_is_shown_firing_resolved_and_quiet() {
    let mut mistakes = Vec::new();
    for pack in PACKS {
        let expected = expectations(pack);
        for rule in rules().iter().filter(|rule| rule.pack == pack) {
            let Some(alert) = &rule.alert else { continue };
            let severity = rule.severity();
            let tests = expected.get(alert).map(Vec::as_slice).unwrap_or_default();
            let fires =
                |times: &[Firing]| times.iter().position(|firing| firing.contains(severity));
            let is_driven = tests.iter().any(|(_, times)| {
                fires(times)
                    .is_some_and(|at| times[at..].iter().any(|firing| !firing.contains(severity)))
            });
            let is_quiet = tests.iter().any(|(_, times)| fires(times).is_none());
            for (shown, what) in [(is_driven, "firing and then resolved"), (is_quiet, "quiet")] {
                if !shown {
                    mistakes.push(format!(
                        "{}: {alert} ({severity}) is not shown {what}\n  mend: a test in rules/{pack}/tests.yaml",
                        rule.place
                    ));
                }
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn a_profile_is_one_guides_own() {
    let mistakes: Vec<String> = rules()
        .iter()
        // What tells of changed thresholds passes on whose they are.
        .filter(|rule| rule.alert.as_deref() != Some("ThresholdChanged"))
        .filter(|rule| {
            rule.labels
                .get("profile")
                .is_none_or(|profile| profile != rule.pack)
        })
        .map(|rule| format!("{}: the label `profile` is not {}", rule.place, rule.pack))
        .collect();
    assert_none(&mistakes);
}

#[test]
fn promtool_takes_the_packs_and_their_tests() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join("promtool").is_file());
    if !is_there {
        let _ = writeln!(
            std::io::stderr(),
            "skipped for want of promtool: promtool_takes_the_packs_and_their_tests"
        );
        return;
    }
    let mistakes = std::thread::scope(|scope| {
        let asked = PACKS.map(|pack| scope.spawn(move || promtool(pack)));
        let told = asked.map(|thread| thread.join().expect("promtool was asked"));
        told.concat()
    });
    assert_none(&mistakes);
}

/// What promtool finds wrong with a pack.
fn promtool(pack: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    let folder: PathBuf = root().join("rules").join(pack);
    let files = ["recording.yaml", "alerts.yaml"].into_iter();
    let files = files.filter(|name| folder.join(name).is_file());
    let check = ["check", "rules"].into_iter().chain(files).collect();
    for arguments in [check, vec!["test", "rules", "tests.yaml"]] {
        let output = Command::new("promtool")
            .args(&arguments)
            .current_dir(&folder)
            .output()
            .expect("promtool can be started");
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            mistakes.push(format!("{pack}: promtool {}\n{text}", arguments.join(" ")));
        }
    }
    mistakes
}
