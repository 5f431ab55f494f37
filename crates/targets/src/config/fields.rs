//! Reading one mapping: its keys against a table, its values by type. What is wrong is collected.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_model::{Problem, Problems, did_you_mean};
use mainstay_yaml::tree::{Kind, Node};

use mainstay_series::parse_duration;

/// What is made of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Read,
    /// Runs without it; why that is good enough.
    Warned(&'static str),
    /// Does not run with it; what to do instead.
    Refused(&'static str),
}

/// The keys of a section.
pub(super) type Keys = [(&'static str, Fate)];

/// Collects problems.
pub(super) struct Fields<'a> {
    pub(super) problems: &'a mut Problems,
}

impl Fields<'_> {
    pub(super) fn error(&mut self, node: &Node, code: &str, message: impl Into<String>) {
        let problem = Problem::error(format!("prometheus/{code}"), message);
        self.problems.push(problem.at(node.at.place()));
    }

    /// Whether it is a mapping; judges its keys.
    pub(super) fn section(&mut self, node: &Node, name: &str, keys: &Keys) -> bool {
        if !matches!(node.kind, Kind::Map(_)) {
            if !node.is_null() {
                self.expected(node, name, "a mapping");
            }
            return false;
        }
        for entry in node.entries() {
            let place = entry.at.place();
            let found = keys.iter().find(|(key, _)| *key == entry.key);
            let problem = match found {
                Some((_, Fate::Read)) => continue,
                Some((key, Fate::Warned(why))) => {
                    let message = format!("`{key}` in {name} does nothing here");
                    Problem::warning("prometheus/not-honoured", message).hint(*why)
                }
                Some((key, Fate::Refused(instead))) => {
                    let message = format!("`{key}` in {name} is not supported yet");
                    Problem::error("prometheus/not-supported", message).hint(*instead)
                }
                None => unknown(&entry.key, name, keys),
            };
            self.problems.push(problem.at(place));
        }
        true
    }

    fn expected(&mut self, node: &Node, key: &str, expected: &str) {
        let found = match node.as_text() {
            Some(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
            None => node.what().to_owned(),
        };
        self.error(
            node,
            "value",
            format!("`{key}` must be {expected}, found {found}"),
        );
    }

    /// A value under `key`, read by `parse`.
    pub(super) fn parsed<T>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = node.get(key)?;
        let parsed = value.as_text().and_then(parse);
        if parsed.is_none() {
            self.expected(value, key, expected);
        }
        parsed
    }

    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        self.parsed(node, key, "a single value", |text| Some(text.to_owned()))
    }

    pub(super) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        self.parsed(node, key, "`true` or `false`", |text| text.parse().ok())
    }

    pub(super) fn number(&mut self, node: &Node, key: &str) -> Option<u64> {
        self.parsed(node, key, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        self.parsed(node, key, "a duration such as `15s`", parse_duration)
    }

    /// A size in bytes: `10MB`, `1.5GiB`; `0` is none.
    pub(super) fn size(&mut self, node: &Node, key: &str) -> Option<u64> {
        self.parsed(node, key, "a size such as `10MB`", size)
    }

    /// The values of a list, each with its node.
    pub(super) fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        match node.get(key) {
            Some(value) if matches!(value.kind, Kind::List(_)) => value.items(),
            Some(value) => {
                self.expected(value, key, "a list");
                &[]
            }
            None => &[],
        }
    }

    pub(super) fn texts(&mut self, node: &Node, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.list(node, key) {
            match item.as_text() {
                Some(text) => texts.push(text.to_owned()),
                None => self.expected(item, key, "a list of single values"),
            }
        }
        texts
    }

    /// `name: value` pairs.
    pub(super) fn pairs(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        let Some(value) = node.get(key) else {
            return pairs;
        };
        if !matches!(value.kind, Kind::Map(_)) {
            self.expected(value, key, "a mapping");
        }
        for entry in value.entries() {
            match &entry.value.kind {
                Kind::Scalar(scalar) => {
                    pairs.insert(entry.key.clone(), scalar.text.clone());
                }
                Kind::Null => {
                    pairs.insert(entry.key.clone(), String::new());
                }
                _ => self.expected(&entry.value, &entry.key, "a single value"),
            }
        }
        pairs
    }
}

fn unknown(key: &str, name: &str, keys: &Keys) -> Problem {
    let key: String = key.chars().take(60).collect();
    let problem = Problem::error(
        "prometheus/unknown-key",
        format!("unknown key `{key}` in {name}"),
    );
    match did_you_mean(&key, keys.iter().map(|(key, _)| *key)) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint("take it out"),
    }
}

/// As Prometheus's `units.Base2Bytes`: decimal and binary units both count in 1024.
fn size(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let letters = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..letters].parse().ok()?;
    let scale = match &text[letters..] {
        "B" => 0,
        "KB" | "KiB" => 1,
        "MB" | "MiB" => 2,
        "GB" | "GiB" => 3,
        "TB" | "TiB" => 4,
        _ => return None,
    };
    let bytes = number * 1024f64.powi(scale);
    (bytes.is_finite() && bytes >= 0.0).then_some(bytes as u64)
}
