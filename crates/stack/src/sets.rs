//! `--set PATH=VALUE`: one value of the files, changed for one release.
//!
//! `app.environment.KEY=VALUE` (or `services.app…`) changes the Compose tree, `deploy.…`,
//! `health.…` and `environments.…` change mainstay.yaml. The grammar says what may stand where.

use crate::check::Checker;
use crate::grammar::{Merge, Section, Shape};
use crate::keys::SERVICE;
use crate::merge::merge;
use crate::operation::MAINSTAY;
use crate::source::{At, Source};
use crate::tree::{Entry, Kind, Node};
use crate::yaml;
use mainstay_model::{Problem, Problems, did_you_mean};
use std::path::Path;
use std::sync::Arc;

/// One `--set`, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    path: Vec<String>,
    value: String,
    at: At,
}

impl Set {
    /// The first segment of the path.
    pub(crate) fn root(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

/// Takes all of them apart.
pub(crate) fn parse(texts: &[String], directory: &Path, problems: &mut Problems) -> Vec<Set> {
    texts
        .iter()
        .filter_map(|text| {
            let (path, value) = text.split_once('=').unwrap_or((text, ""));
            let source = Arc::new(Source {
                display: format!("--set {}", if path.is_empty() { "=" } else { path }),
                path: Path::new("").to_owned(),
                base: directory.to_owned(),
            });
            let at = At::whole(&source);
            if path.is_empty() || !text.contains('=') || path.split('.').any(str::is_empty) {
                problems.push(
                    Problem::error("set/form", "`--set` takes `PATH=VALUE`")
                        .at(at.place())
                        .hint("such as `--set app.environment.LOG_LEVEL=debug`"),
                );
                return None;
            }
            Some(Set {
                path: path.split('.').map(str::to_owned).collect(),
                value: value.to_owned(),
                at,
            })
        })
        .collect()
}

/// Those that change mainstay.yaml, applied to it.
pub(crate) fn apply_to_mainstay(sets: &[Set], tree: &mut Node, problems: &mut Problems) {
    for set in sets.iter().filter(|set| is_mainstay(set)) {
        let mut change = Change {
            set,
            prefix: "mainstay",
            problems,
        };
        change.apply(tree, &Shape::Section(&MAINSTAY), Merge::Natural, 0);
    }
}

/// The others, applied to the services.
pub(crate) fn apply_to_compose(sets: &[Set], tree: &mut Node, problems: &mut Problems) {
    for set in sets.iter().filter(|set| !is_mainstay(set)) {
        let from = usize::from(set.path[0] == "services");
        let Some(services) = tree.get_mut("services") else {
            continue;
        };
        let Some(name) = set.path.get(from) else {
            problems.push(unknown(set, "no service is named", None));
            continue;
        };
        let known: Vec<&str> = services.entries().iter().map(|e| e.key.as_str()).collect();
        if !known.contains(&name.as_str()) {
            let sections = MAINSTAY.keys.iter().map(|key| key.name);
            let near = did_you_mean(name, known.iter().copied().chain(sections));
            let hint = near.map(str::to_owned);
            problems.push(unknown(
                set,
                &format!("no service `{name}`"),
                hint.as_deref(),
            ));
            continue;
        }
        let mut change = Change {
            set,
            prefix: "compose",
            problems,
        };
        let shape = Shape::Section(&SERVICE);
        if let Some(service) = services.get_mut(name) {
            change.apply(service, &shape, Merge::Natural, from + 1);
        }
    }
}

fn is_mainstay(set: &Set) -> bool {
    MAINSTAY.key(&set.path[0]).is_some()
}

fn unknown(set: &Set, what: &str, near: Option<&str>) -> Problem {
    let problem = Problem::error("set/path", format!("unknown path: {what}")).at(set.at.place());
    match near {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem,
    }
}

struct Change<'a> {
    set: &'a Set,
    prefix: &'static str,
    problems: &'a mut Problems,
}

impl Change<'_> {
    fn apply(&mut self, node: &mut Node, shape: &Shape, rule: Merge, index: usize) {
        let Some(segment) = self.set.path.get(index) else {
            return self.replace(node, shape, rule);
        };
        match shape {
            Shape::Section(section) => self.in_section(node, section, segment, index),
            Shape::Short(inner) => self.apply(node, inner, rule, index),
            Shape::Named(inner) | Shape::Names(inner) => {
                self.child(node, segment, inner, Merge::Natural, index + 1);
            }
            Shape::Pairs => {
                let key = self.set.path[index..].join(".");
                self.child(
                    node,
                    &key,
                    &Shape::Text,
                    Merge::Replace,
                    self.set.path.len(),
                );
            }
            _ => {
                let before = self.set.path[..index].join(".");
                let what = format!("nothing stands below `{before}`, which is set as a whole");
                self.problems.push(unknown(self.set, &what, None));
            }
        }
    }

    fn in_section(&mut self, node: &mut Node, section: &Section, segment: &str, index: usize) {
        if let Some(key) = section.key(segment) {
            return self.child(node, segment, &key.shape, key.merge, index + 1);
        }
        let near = did_you_mean(segment, section.keys.iter().map(|key| key.name));
        let what = format!("no key `{segment}` in {}", section.name);
        self.problems.push(unknown(self.set, &what, near));
    }

    fn child(&mut self, node: &mut Node, key: &str, shape: &Shape, rule: Merge, index: usize) {
        let at = &self.set.at;
        if !matches!(node.kind, Kind::Map(_)) {
            *node = Node::empty_map(at.clone());
        }
        if node.entry(key).is_none() {
            node.insert(Entry {
                key: key.to_owned(),
                at: at.clone(),
                value: Node::new(at.clone(), Kind::Null),
            });
        }
        if let Some(value) = node.get_mut(key) {
            self.apply(value, shape, rule, index);
        }
    }

    /// Puts the value there: text as it is where a single value is wanted, YAML otherwise.
    fn replace(&mut self, node: &mut Node, shape: &Shape, rule: Merge) {
        let single = match shape {
            Shape::Command => !self.set.value.starts_with('['),
            Shape::Text
            | Shape::Bool
            | Shape::Integer
            | Shape::Number
            | Shape::Duration
            | Shape::Size
            | Shape::Word(_) => true,
            _ => false,
        };
        let mut value = if single {
            Node::text(self.set.at.clone(), self.set.value.clone())
        } else {
            let parsed = yaml::parse(&self.set.value, &self.set.at.source, self.problems);
            match parsed.into_iter().next() {
                Some(value) => at_set(value, &self.set.at),
                None => return,
            }
        };
        let mut checker = Checker {
            prefix: self.prefix,
            problems: self.problems,
        };
        let name = self.set.path.last().map_or("", String::as_str);
        checker.check(&mut value, shape, name);
        let is_list = matches!(value.kind, Kind::List(_));
        let base = std::mem::replace(node, Node::new(self.set.at.clone(), Kind::Null));
        // A list is given whole; a mapping adds to what is there.
        let rule = if is_list { Merge::Replace } else { rule };
        *node = merge(base, value, shape, rule)
            .unwrap_or_else(|| Node::new(self.set.at.clone(), Kind::Null));
    }
}

/// The place within the value says nothing to a user: it is the option as a whole.
fn at_set(mut node: Node, at: &At) -> Node {
    node.at = at.clone();
    node.kind = match node.kind {
        Kind::List(items) => Kind::List(items.into_iter().map(|n| at_set(n, at)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| Entry {
                    at: at.clone(),
                    value: at_set(entry.value, at),
                    ..entry
                })
                .collect(),
        ),
        other => other,
    };
    node
}
