//! A file of unit tests, read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mainstay_model::{Problem, Problems, Timestamp};
use mainstay_promql::{Query, parse_series};
use mainstay_series::Labels;
use mainstay_yaml::source::Source;
use mainstay_yaml::tree::{Kind, Node};

use super::{AlertTest, ExpressionTest, Firing, Test, TestFile, load};
use crate::alerting::ALERT_NAME;
use crate::read::Fate::{Read, Refused};
use crate::read::{Fields, Keys, LIMITS, inside};

const FILE: &Keys = &[
    ("rule_files", Read),
    ("evaluation_interval", Read),
    ("group_eval_order", Read),
    ("fuzzy_compare", Read),
    ("tests", Read),
];
const TEST: &Keys = &[
    ("name", Read),
    ("interval", Read),
    ("start_timestamp", Read),
    ("input_series", Read),
    ("alert_rule_test", Read),
    ("promql_expr_test", Read),
    ("external_labels", Read),
    ("external_url", Read),
];
const SERIES: &Keys = &[("series", Read), ("values", Read)];
const ALERT: &Keys = &[
    ("eval_time", Read),
    ("alertname", Read),
    ("exp_alerts", Read),
];
const FIRING: &Keys = &[("exp_labels", Read), ("exp_annotations", Read)];
const EXPRESSION: &Keys = &[("expr", Read), ("eval_time", Read), ("exp_samples", Read)];
const SAMPLE: &Keys = &[
    ("labels", Read),
    ("value", Read),
    (
        "histogram",
        Refused(
            "there are no native histograms here: take `histogram_quantile` of classic buckets",
        ),
    ),
];

/// The most values of all series of a file: `1x1000000` is short to write.
const MAX_VALUES: usize = 5_000_000;

const MINUTE_MS: i64 = 60_000;

impl TestFile {
    /// Reads the file at `path`, which is shown as `display`. What it says holds only where no
    /// problem is an error.
    pub fn read(text: &str, path: &Path, display: &str) -> (Self, Problems) {
        let mut problems = Problems::default();
        let source = Arc::new(Source::of_file(path, display));
        let mut documents =
            mainstay_yaml::parse_within(LIMITS, text, &source, &mut problems).into_iter();
        let tree = documents.next();
        if let Some(second) = documents.next() {
            let message = "only the first document of a file of tests is read";
            let problem = Problem::warning("rule-test/documents", message);
            problems.push(problem.at(second.at.place()));
        }
        let mut reading = Reading {
            fields: Fields::new("rule-test", &mut problems),
            text,
            values: 0,
        };
        let file = tree.map_or_else(Self::default, |tree| reading.file(&tree));
        problems.sort();
        (file, problems)
    }
}

struct Reading<'a> {
    fields: Fields<'a>,
    text: &'a str,
    /// Values that were read.
    values: usize,
}

impl Reading<'_> {
    fn file(&mut self, tree: &Node) -> TestFile {
        if !self.fields.section(tree, "the file", FILE) {
            return TestFile::default();
        }
        let interval_ms = self.fields.duration_ms(tree, "evaluation_interval");
        let interval_ms = interval_ms.filter(|ms| *ms > 0).unwrap_or(MINUTE_MS);
        let mut group_order: Vec<String> = Vec::new();
        for (name, node) in self.texts(tree, "group_eval_order") {
            if group_order.contains(&name) {
                let message = format!("group `{name}` stands here twice");
                self.fields.error(node, "group-order", message);
            }
            group_order.push(name);
        }
        let rule_files = self.texts(tree, "rule_files").into_iter();
        TestFile {
            rule_files: rule_files
                .map(|(pattern, node)| (pattern, node.at.place()))
                .collect(),
            evaluation_interval_ms: interval_ms,
            group_order,
            fuzzy: self.flag(tree, "fuzzy_compare"),
            tests: self
                .fields
                .list(tree, "tests")
                .iter()
                .filter_map(|node| self.test(node, interval_ms))
                .collect(),
        }
    }

    fn flag(&mut self, node: &Node, key: &str) -> bool {
        let flag = self.fields.read(node, key, "`true` or `false`", |value| {
            value.as_text()?.parse().ok()
        });
        flag.unwrap_or(false)
    }

    /// The values of a list, each with its node.
    fn texts<'n>(&mut self, node: &'n Node, key: &str) -> Vec<(String, &'n Node)> {
        let mut texts = Vec::new();
        for item in self.fields.list(node, key) {
            if let Some(text) = item.as_text() {
                texts.push((text.to_owned(), item));
            } else {
                let message = format!("`{key}` must be a list of single values");
                self.fields.error(item, "value", message);
            }
        }
        texts
    }

    fn test(&mut self, node: &Node, interval_ms: i64) -> Option<Test> {
        if !self.fields.section(node, "a test", TEST) {
            return None;
        }
        let interval = self.fields.duration_ms(node, "interval");
        let start = "a time such as `2025-01-31T12:00:00Z`, or seconds since 1970";
        let start_ms = self.fields.read(node, "start_timestamp", start, |value| {
            time_ms(value.as_text()?)
        });
        let name = self.fields.text(node, "name");
        let mut test = Test {
            name: name.filter(|name| !name.is_empty()),
            place: node.at.place(),
            interval_ms: interval.filter(|ms| *ms > 0).unwrap_or(interval_ms),
            start_ms: start_ms.unwrap_or(0),
            external_labels: Labels::from_pairs(self.fields.pairs(node, "external_labels")),
            external_url: self.fields.text(node, "external_url").unwrap_or_default(),
            series: BTreeMap::new(),
            unsupported: Vec::new(),
            alerts: Vec::new(),
            expressions: Vec::new(),
        };
        for item in self.fields.list(node, "input_series") {
            self.series(item, &mut test);
        }
        for item in self.fields.list(node, "alert_rule_test") {
            test.alerts.extend(self.alert(item));
        }
        for item in self.fields.list(node, "promql_expr_test") {
            test.expressions.extend(self.expression(item));
        }
        Some(test)
    }

    fn series(&mut self, node: &Node, test: &mut Test) {
        if !self.fields.section(node, "a series", SERIES) {
            return;
        }
        let series = self.fields.text(node, "series").unwrap_or_default();
        let values = self.fields.text(node, "values").unwrap_or_default();
        let times = (test.start_ms, test.interval_ms);
        if self.values > MAX_VALUES {
            return;
        }
        match load::series(&series, &values, times) {
            Ok((labels, samples)) => {
                self.values += samples.len();
                if self.values > MAX_VALUES {
                    let message = format!("more than {MAX_VALUES} values in one file of tests");
                    self.fields.error(node, "too-many-values", message);
                }
                test.series.insert(labels, samples);
            }
            Err(load::Error::NotSupported(message)) => {
                test.unsupported.push((node.at.place(), message));
            }
            Err(load::Error::Series(message)) => {
                let at = node.get("series").unwrap_or(node);
                let message = format!("`{series}` is no series: {message}");
                self.fields.error(at, "series", message);
            }
            Err(load::Error::Values(message)) => {
                let at = node.get("values").unwrap_or(node);
                self.fields.error(at, "values", message);
            }
        }
    }

    fn alert(&mut self, node: &Node) -> Option<AlertTest> {
        if !self.fields.section(node, "a test of an alert", ALERT) {
            return None;
        }
        let name = self.fields.text(node, "alertname").unwrap_or_default();
        if name.is_empty() {
            let message = "a test of an alert has no `alertname`";
            self.fields.error(node, "alertname", message);
        }
        let mut expected = Vec::new();
        for item in self.fields.list(node, "exp_alerts") {
            if !item.is_null() && !self.fields.section(item, "an expected alert", FIRING) {
                continue;
            }
            let mut labels = self.fields.pairs(item, "exp_labels");
            // The alert's own name need not be said.
            labels.insert(ALERT_NAME.to_owned(), name.clone());
            let annotations = self.fields.pairs(item, "exp_annotations");
            expected.push(Firing {
                labels,
                annotations,
            });
        }
        Some(AlertTest {
            place: node.at.place(),
            eval_time_ms: self.fields.duration_ms(node, "eval_time").unwrap_or(0),
            name,
            expected,
        })
    }

    fn expression(&mut self, node: &Node) -> Option<ExpressionTest> {
        if !self
            .fields
            .section(node, "a test of an expression", EXPRESSION)
        {
            return None;
        }
        let text = self.fields.text(node, "expr").unwrap_or_default();
        let mut expected = Vec::new();
        for item in self.fields.list(node, "exp_samples") {
            expected.extend(self.sample(item));
        }
        let query = Query::parse(&text);
        if let (Err(error), Some(value)) = (&query, node.get("expr")) {
            let place = inside(self.text, value, error.span.start);
            let message = format!("not PromQL: {}", error.message);
            let problem = Problem::error("rule-test/expr", message);
            self.fields.problems.push(problem.at(place));
        }
        Some(ExpressionTest {
            place: node.at.place(),
            eval_time_ms: self.fields.duration_ms(node, "eval_time").unwrap_or(0),
            query: query.map_err(|error| error.to_string()),
            text,
            expected,
        })
    }

    fn sample(&mut self, node: &Node) -> Option<(Labels, f64)> {
        if !self.fields.section(node, "an expected sample", SAMPLE) {
            return None;
        }
        let what = "a series such as `up{job=\"api\"}`, or `{}`";
        let labels = self.fields.read(node, "labels", what, |value| {
            let (labels, rest) = parse_series(value.as_text()?.trim()).ok()?;
            rest.trim().is_empty().then_some(labels)
        });
        if node.get("labels").is_some() && labels.is_none() {
            return None;
        }
        let value = self.fields.read(node, "value", "a number", number);
        Some((labels.unwrap_or_default(), value.unwrap_or(0.0)))
    }
}

/// A number as YAML writes it.
fn number(node: &Node) -> Option<f64> {
    let Kind::Scalar(scalar) = &node.kind else {
        return None;
    };
    if !scalar.plain {
        return None;
    }
    let text = scalar.text.replace('_', "");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    let whole = |digits: &str, radix| {
        let number = u64::from_str_radix(digits, radix).ok()?;
        Some(sign * number as f64)
    };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    if let Some(digits) = rest.strip_prefix("0x") {
        return whole(digits, 16);
    }
    if let Some(digits) = rest.strip_prefix("0b") {
        return whole(digits, 2);
    }
    let octal = rest.strip_prefix("0o").or_else(|| rest.strip_prefix('0'));
    let is_octal = |digits: &&str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if let Some(digits) = octal.filter(is_octal) {
        return whole(digits, 8);
    }
    // Neither `inf` nor `nan`, which Rust would take.
    let begins = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins
        .then(|| rest.parse::<f64>().ok())
        .flatten()
        .map(|number| sign * number)
}

/// Seconds since the epoch, or RFC 3339.
fn time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = seconds * 1000.0;
        return (ms.abs() < 1e15).then(|| ms.round() as i64);
    }
    text.parse().ok().map(Timestamp::as_millis)
}
