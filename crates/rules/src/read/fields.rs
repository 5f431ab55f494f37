//! Reading one mapping: its keys against a table, its values by type. What is wrong is collected.

use std::collections::BTreeMap;

use mainstay_model::{Problem, Problems, did_you_mean};
use mainstay_series::parse_duration;
use mainstay_yaml::tree::{Kind, Node};

/// What is made of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Read,
    /// Another's dialect; what to do instead.
    Refused(&'static str),
}

/// The keys of a section.
pub(crate) type Keys = [(&'static str, Fate)];

/// Collects problems.
pub(crate) struct Fields<'a> {
    /// What the codes of problems begin with.
    pub(crate) section: &'static str,
    pub(crate) problems: &'a mut Problems,
}

impl Fields<'_> {
    pub(crate) fn error(&mut self, node: &Node, code: &str, message: impl Into<String>) {
        let problem = Problem::error(format!("{}/{code}", self.section), message);
        self.problems.push(problem.at(node.at.place()));
    }

    /// Whether it is a mapping; judges its keys.
    pub(crate) fn section(&mut self, node: &Node, name: &str, keys: &Keys) -> bool {
        if !matches!(node.kind, Kind::Map(_)) {
            if !node.is_null() {
                self.expected(node, name, "a mapping");
            }
            return false;
        }
        for entry in node.entries() {
            let code = |code: &str| format!("{}/{code}", self.section);
            let problem = match keys.iter().find(|(key, _)| *key == entry.key) {
                Some((_, Fate::Read)) => continue,
                Some((key, Fate::Refused(instead))) => {
                    let message = format!("`{key}` in {name} is not supported");
                    Problem::error(code("not-supported"), message).hint(*instead)
                }
                None => {
                    let key: String = entry.key.chars().take(60).collect();
                    let message = format!("unknown key `{key}` in {name}");
                    let problem = Problem::error(code("unknown-key"), message);
                    let known = keys.iter().filter(|(_, fate)| *fate == Fate::Read);
                    match did_you_mean(&key, known.map(|(key, _)| *key)) {
                        Some(word) => problem.hint(format!("did you mean `{word}`?")),
                        None => problem.hint("take it out"),
                    }
                }
            };
            self.problems.push(problem.at(entry.at.place()));
        }
        true
    }

    fn expected(&mut self, node: &Node, key: &str, expected: &str) {
        let found = match node.as_text() {
            Some(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
            None => node.what().to_owned(),
        };
        let message = format!("`{key}` must be {expected}, found {found}");
        self.error(node, "value", message);
    }

    /// A value under `key`, read by `parse`.
    pub(crate) fn parsed<T>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Node) -> Option<T>,
    ) -> Option<T> {
        let value = node.get(key)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.expected(value, key, expected);
        }
        parsed
    }

    pub(crate) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        self.parsed(node, key, "a single value", |value| {
            value.as_text().map(str::to_owned)
        })
    }

    pub(crate) fn duration_ms(&mut self, node: &Node, key: &str) -> Option<i64> {
        self.parsed(node, key, "a duration such as `1m30s`", |value| {
            let duration = value.as_text().and_then(parse_duration)?;
            i64::try_from(duration.as_millis()).ok()
        })
    }

    /// A whole number, not in quotes.
    pub(crate) fn whole_number(&mut self, node: &Node, key: &str) -> Option<i64> {
        self.parsed(node, key, "a whole number", |value| {
            let scalar = value.scalar().filter(|scalar| scalar.plain)?;
            scalar.text.parse().ok()
        })
    }

    /// The values of a list, each with its node.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        match node.get(key) {
            Some(value) if matches!(value.kind, Kind::List(_)) => value.items(),
            Some(value) => {
                self.expected(value, key, "a list");
                &[]
            }
            None => &[],
        }
    }

    /// `name: value` pairs.
    pub(crate) fn pairs(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
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
