//! The structural check of a tree against the grammar, and its one normal form.
//!
//! After it, a tree says each thing in one way: pairs and names are mappings, one-or-more is a
//! list, short forms are long ones. What does not fit was reported and is null, so that nothing
//! above reports it again. It says nothing of what a target makes of a key (see `verdict`).

use crate::grammar::{Section, Shape};
use crate::secrecy;
use crate::short;
use crate::tree::{Entry, Kind, Node, Scalar, Tag, as_bool};
use mainstay_model::{Bytes, Problem, Problems, did_you_mean, parse_duration};

/// Checks and normalises what stands under a key.
pub(crate) struct Checker<'a> {
    /// Of problem codes: `compose` or `mainstay`.
    pub(crate) prefix: &'static str,
    pub(crate) problems: &'a mut Problems,
}

impl Checker<'_> {
    /// `name` is what messages call the value: its key, or what the whole file is.
    pub(crate) fn check(&mut self, node: &mut Node, shape: &Shape, name: &str) {
        if node.tag == Some(Tag::Reset) || node.is_null() {
            return;
        }
        match shape {
            Shape::Any => {}
            Shape::Section(section) => self.section(node, section, shape, name),
            Shape::Named(inner) => self.named(node, inner, shape, name),
            Shape::List(inner) => self.list(node, inner, shape, name),
            Shape::OneOrMore(inner) => {
                if !matches!(node.kind, Kind::List(_)) {
                    wrap(node);
                }
                self.list(node, inner, shape, name);
            }
            Shape::Pairs => self.pairs(node, shape, name),
            Shape::Names(inner) => {
                names_to_map(node);
                self.named(node, inner, shape, name);
            }
            Shape::Command => self.command(node, shape, name),
            Shape::Short(inner) => {
                if node.scalar().is_none() {
                    self.check(node, inner, name);
                } else if let Shape::Section(section) = inner
                    && let Some(long) = self.long_forms(section, node).into_iter().next()
                {
                    *node = long;
                    self.check(node, inner, name);
                }
            }
            _ => self.single(node, shape, name),
        }
    }

    fn section(&mut self, node: &mut Node, section: &Section, shape: &Shape, name: &str) {
        let Kind::Map(entries) = &mut node.kind else {
            return self.mismatch(node, shape, name);
        };
        entries.retain_mut(|entry| match section.key(&entry.key) {
            Some(key) => {
                self.check(&mut entry.value, &key.shape, key.name);
                true
            }
            None if section.extensions && entry.key.starts_with("x-") => true,
            None => {
                self.unknown(entry, section);
                false
            }
        });
    }

    fn unknown(&mut self, entry: &Entry, section: &Section) {
        let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
        let hint = match did_you_mean(&entry.key, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None if known.len() <= 12 => format!("it knows {}", list(&known)),
            None if section.extensions => {
                "take it out, or call it `x-…` when it is your own".to_owned()
            }
            None => "take it out".to_owned(),
        };
        self.problems.push(
            Problem::error(
                format!("{}/unknown-key", self.prefix),
                format!("unknown key `{}` in {}", shown(&entry.key), section.name),
            )
            .at(entry.at.place())
            .hint(hint),
        );
    }

    fn named(&mut self, node: &mut Node, inner: &Shape, shape: &Shape, name: &str) {
        let Kind::Map(entries) = &mut node.kind else {
            return self.mismatch(node, shape, name);
        };
        for entry in entries {
            self.check(&mut entry.value, inner, &entry.key);
        }
    }

    fn list(&mut self, node: &mut Node, inner: &Shape, shape: &Shape, name: &str) {
        let Kind::List(items) = &mut node.kind else {
            return self.mismatch(node, shape, name);
        };
        let mut long = Vec::with_capacity(items.len());
        for item in std::mem::take(items) {
            match inner {
                Shape::Short(Shape::Section(section)) if item.scalar().is_some() => {
                    long.extend(self.long_forms(section, &item));
                }
                _ => long.push(item),
            }
        }
        for item in &mut long {
            self.check(item, inner, name);
        }
        long.retain(|item| !item.is_null());
        *items = long;
    }

    /// What a short form says, in the long form; several for a range of ports.
    fn long_forms(&mut self, section: &Section, node: &Node) -> Vec<Node> {
        match short::expand(section.name, node) {
            Ok(nodes) => nodes,
            Err(problem) => {
                self.problems.push(*problem);
                Vec::new()
            }
        }
    }

    fn pairs(&mut self, node: &mut Node, shape: &Shape, name: &str) {
        if let Kind::List(items) = &mut node.kind {
            let mut entries: Vec<Entry> = Vec::new();
            for item in std::mem::take(items) {
                let Some(entry) = pair(&item) else {
                    self.problems.push(
                        Problem::error(
                            format!("{}/type", self.prefix),
                            format!(
                                "an item of `{name}` must be `KEY=value`, found {}",
                                item.what()
                            ),
                        )
                        .at(item.at.place()),
                    );
                    continue;
                };
                entries.retain(|old| old.key != entry.key);
                entries.push(entry);
            }
            node.kind = Kind::Map(entries);
        }
        let Kind::Map(entries) = &mut node.kind else {
            return self.mismatch(node, shape, name);
        };
        for entry in entries {
            self.check(&mut entry.value, &Shape::Text, &entry.key);
        }
    }

    fn command(&mut self, node: &mut Node, shape: &Shape, name: &str) {
        match &mut node.kind {
            Kind::Scalar(_) => {}
            Kind::List(items) => {
                for item in items {
                    self.check(item, &Shape::Text, name);
                }
            }
            _ => self.mismatch(node, shape, name),
        }
    }

    fn single(&mut self, node: &mut Node, shape: &Shape, name: &str) {
        let Some(scalar) = node.scalar() else {
            return self.mismatch(node, shape, name);
        };
        let text = scalar.text.as_str();
        let complaint = match shape {
            Shape::Bool => as_bool(text).is_none().then(String::new),
            Shape::Integer => text.parse::<u32>().is_err().then(String::new),
            Shape::Number => text
                .parse::<f64>()
                .map_or(true, |number| !(number.is_finite() && number >= 0.0))
                .then(String::new),
            Shape::Duration => parse_duration(text).err().map(|e| e.to_string()),
            Shape::Size => text.parse::<Bytes>().err().map(|e| e.to_string()),
            Shape::Word(words) => {
                if words.contains(&text) {
                    None
                } else {
                    let near = did_you_mean(text, words.iter().copied());
                    Some(
                        near.map(|word| format!("did you mean `{word}`?"))
                            .unwrap_or_default(),
                    )
                }
            }
            _ => None,
        };
        if let Some(complaint) = complaint {
            self.wrong_value(node, shape, name, &complaint);
        }
    }

    fn wrong_value(&mut self, node: &mut Node, shape: &Shape, name: &str, complaint: &str) {
        let found = node.scalar().map(found).unwrap_or_default();
        let mut problem = Problem::error(
            format!("{}/value", self.prefix),
            format!("`{name}` must be {}, found {found}", shape.expected()),
        )
        .at(node.at.place());
        // The complaint of a parser quotes the value: only where it may be shown.
        if complaint.contains("did you mean") || complaint.contains("has no unit") {
            problem = problem.hint(complaint.replace(": write", ", write"));
        }
        self.problems.push(problem);
        node.kind = Kind::Null;
    }

    fn mismatch(&mut self, node: &mut Node, shape: &Shape, name: &str) {
        self.problems.push(
            Problem::error(
                format!("{}/type", self.prefix),
                format!(
                    "`{name}` must be {}, found {}",
                    shape.expected(),
                    node.what()
                ),
            )
            .at(node.at.place()),
        );
        node.kind = Kind::Null;
    }
}

/// `` `a`, `b` ``
pub(crate) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A value for a message: short, and hidden where a secret went into it.
pub(crate) fn found(scalar: &Scalar) -> String {
    if scalar.variables.iter().any(|name| secrecy::name(name)) || secrecy::form(&scalar.text) {
        return "a secret value".to_owned();
    }
    format!("`{}`", shown(&scalar.text))
}

/// A text for a message: one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        line.push('…');
    }
    line
}

fn wrap(node: &mut Node) {
    let at = node.at.clone();
    let tag = node.tag.take();
    let inner = std::mem::replace(node, Node::new(at, Kind::Null));
    node.kind = Kind::List(vec![inner]);
    node.tag = tag;
}

fn names_to_map(node: &mut Node) {
    let Kind::List(items) = &node.kind else {
        return;
    };
    if items.iter().any(|item| item.scalar().is_none()) {
        return;
    }
    let mut map = Node::empty_map(node.at.clone());
    map.tag = node.tag;
    for item in items {
        map.insert(Entry {
            key: item.as_text().unwrap_or_default().to_owned(),
            at: item.at.clone(),
            value: Node::new(item.at.clone(), Kind::Null),
        });
    }
    *node = map;
}

/// `KEY=value`; without `=` the value is null.
fn pair(item: &Node) -> Option<Entry> {
    let scalar = item.scalar()?;
    let (key, value) = match scalar.text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (scalar.text.as_str(), None),
    };
    let kind = value.map_or(Kind::Null, |value| {
        Kind::Scalar(Scalar {
            text: value.to_owned(),
            plain: false,
            variables: scalar.variables.clone(),
        })
    });
    Some(Entry {
        key: key.to_owned(),
        at: item.at.clone(),
        value: Node {
            at: item.at.clone(),
            kind,
            tag: item.tag,
        },
    })
}
