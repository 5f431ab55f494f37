//! Reading one mapping: its keys against a table, its values by type. What is wrong is collected.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mainstay_model::{Problem, Problems};
use mainstay_series::parse_duration;
use mainstay_yaml::fields as yaml;
use mainstay_yaml::tree::Node;

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

/// Collects problems: what all readers say, and what Prometheus's file has beside it.
pub(super) struct Fields<'a>(yaml::Fields<'a>);

impl<'a> Fields<'a> {
    pub(super) fn new(problems: &'a mut Problems) -> Self {
        Self(yaml::Fields {
            section: "prometheus",
            shows: true,
            problems,
        })
    }
}

impl<'a> Deref for Fields<'a> {
    type Target = yaml::Fields<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Fields<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Fields<'_> {
    /// Whether it is a mapping; judges its keys.
    pub(super) fn section(&mut self, node: &Node, name: &str, keys: &Keys) -> bool {
        if !self.mapping(node, name) {
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
                None => {
                    self.unknown(entry, name, keys.iter().map(|(key, _)| *key));
                    continue;
                }
            };
            self.problems.push(problem.at(place));
        }
        true
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
