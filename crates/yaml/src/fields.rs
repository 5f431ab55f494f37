//! Reading one mapping of somebody's configuration file: its values by type. What is wrong is collected,
//! each with its place.
//!
//! Which keys a mapping has, and what becomes of each, is the reader's own table: Prometheus, Alertmanager
//! and rule files each have theirs, around this. Here stands what all of them say with the same words.

use std::collections::BTreeMap;

use mainstay_model::{Problem, Problems, did_you_mean};

use crate::tree::{Entry, Kind, Node};

/// How much of a text a problem repeats, in characters.
const SHOWN: usize = 40;
/// As [`SHOWN`], of a key.
const SHOWN_KEY: usize = 60;

/// Collects problems.
#[derive(Debug)]
pub struct Fields<'a> {
    /// What the codes of problems begin with.
    pub section: &'static str,
    /// Whether a problem may repeat the text that was found: not where it may be a secret.
    pub shows: bool,
    pub problems: &'a mut Problems,
}

impl Fields<'_> {
    pub fn error(&mut self, node: &Node, code: &str, message: impl Into<String>) {
        let problem = Problem::error(format!("{}/{code}", self.section), message);
        self.problems.push(problem.at(node.at.place()));
    }

    pub fn expected(&mut self, node: &Node, key: &str, expected: &str) {
        let found = match node.as_text() {
            Some(_) if !self.shows => String::new(),
            Some(text) => format!(", found `{}`", text.chars().take(SHOWN).collect::<String>()),
            None => format!(", found {}", node.what()),
        };
        let message = format!("`{key}` must be {expected}{found}");
        self.error(node, "value", message);
    }

    /// Whether it is a mapping. Nothing at all is none, and no problem.
    pub fn mapping(&mut self, node: &Node, name: &str) -> bool {
        let mapping = matches!(node.kind, Kind::Map(_));
        if !mapping && !node.is_null() {
            self.expected(node, name, "a mapping");
        }
        mapping
    }

    /// A key of `name` that is none of the known.
    pub fn unknown<'k>(
        &mut self,
        entry: &Entry,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let key: String = entry.key.chars().take(SHOWN_KEY).collect();
        let hint = match did_you_mean(&key, known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => "take it out".to_owned(),
        };
        let message = format!("unknown key `{key}` in {name}");
        let problem = Problem::error(format!("{}/unknown-key", self.section), message);
        self.problems.push(problem.hint(hint).at(entry.at.place()));
    }

    /// A value under `key`, read by `read`.
    pub fn read<T>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Node) -> Option<T>,
    ) -> Option<T> {
        let value = node.get(key)?;
        let found = read(value);
        if found.is_none() {
            self.expected(value, key, expected);
        }
        found
    }

    /// A single value under `key`, whose text is read by `parse`.
    pub fn parsed<T>(
        &mut self,
        node: &Node,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(node, key, expected, |value| value.as_text().and_then(parse))
    }

    /// A text, maybe empty.
    pub fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        self.parsed(node, key, "a single value", |text| Some(text.to_owned()))
    }

    /// The values of a list, each with its node.
    pub fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
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
    pub fn pairs(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use crate::source::Source;
    use std::sync::Arc;

    /// What is said of a mapping with every kind of mistake.
    fn said(shows: bool) -> Vec<String> {
        let text = "word: [a]\ncount: many\nlist: a\npairs: {a: 1, b: [], c: }\nlsit: 1\nnone:\n";
        let mut problems = Problems::default();
        let source = Arc::new(Source::named("a.yaml"));
        let documents = parse(text, &source, &mut problems);
        let node = &documents[0];
        let mut fields = Fields {
            section: "test",
            shows,
            problems: &mut problems,
        };
        assert!(fields.mapping(node, "a.yaml"));
        assert!(!fields.mapping(node.get("count").unwrap(), "count"));
        assert!(!fields.mapping(&node.entry("none").unwrap().value, "none"));
        fields.unknown(node.entry("lsit").unwrap(), "a.yaml", ["word", "list"]);
        assert_eq!(fields.text(node, "word"), None);
        let number = fields.parsed(node, "count", "a number", |text| text.parse::<u8>().ok());
        assert_eq!(number, None);
        assert!(fields.list(node, "list").is_empty() && fields.list(node, "none").is_empty());
        assert_eq!(fields.pairs(node, "pairs").len(), 2);
        problems
            .iter()
            .map(|problem| {
                let hint = problem.hint.as_deref().unwrap_or_default();
                format!("{} {} {hint}", problem.code, problem.message)
            })
            .collect()
    }

    #[test]
    fn a_value_is_told_only_where_it_is_no_secret() {
        let found = |found: &str| {
            [
                format!("test/value `count` must be a mapping{found} "),
                "test/unknown-key unknown key `lsit` in a.yaml did you mean `list`?".to_owned(),
                "test/value `word` must be a single value, found a list ".to_owned(),
                format!("test/value `count` must be a number{found} "),
                format!(
                    "test/value `list` must be a list{} ",
                    found.replace("many", "a")
                ),
                "test/value `b` must be a single value, found a list ".to_owned(),
            ]
        };
        assert_eq!(said(true), found(", found `many`"));
        assert_eq!(said(false), found(""));
    }
}
