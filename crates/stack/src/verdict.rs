//! What the target makes of each key that is there: the one place that reads the verdicts.
//!
//! It runs on the merged tree, over the services that are active, so that an overlay or a profile
//! can take a refused key away. Below a key that is warned about or refused it goes no further:
//! the whole of it was spoken of.

use crate::grammar::{Key, Section, Shape, Verdict};
use crate::keys::COMPOSE;
use crate::tree::{Entry, Kind, Node, as_bool};
use mainstay_model::{Problem, Problems};

/// Judges a whole Compose tree for the process target. `active` says which services run.
pub(crate) fn judge(tree: &Node, active: &dyn Fn(&str) -> bool, problems: &mut Problems) {
    for entry in tree.entries() {
        let Some(key) = COMPOSE.key(&entry.key) else {
            continue;
        };
        if key.name == "services" {
            for service in entry.value.entries() {
                if active(&service.key) {
                    within(
                        &service.value,
                        &Shape::Section(&crate::keys::SERVICE),
                        problems,
                    );
                }
            }
        } else {
            one(key, entry, &COMPOSE, problems);
        }
    }
}

fn section(node: &Node, section: &Section, problems: &mut Problems) {
    for entry in node.entries() {
        if let Some(key) = section.key(&entry.key) {
            one(key, entry, section, problems);
        }
    }
}

fn one(key: &Key, entry: &Entry, section: &Section, problems: &mut Problems) {
    if says_nothing(&entry.value) {
        return;
    }
    let problem = match key.process {
        Verdict::Honoured => return within(&entry.value, &key.shape, problems),
        Verdict::Warned => Problem::warning(
            "compose/not-used",
            format!(
                "`{}` in {} is not used by the process target",
                key.name, section.name
            ),
        ),
        Verdict::Refused => Problem::error(
            "compose/refused",
            format!(
                "`{}` in {} cannot be had on the process target",
                key.name, section.name
            ),
        ),
    };
    problems.push(problem.at(entry.at.place()).hint(key.text));
}

fn within(node: &Node, shape: &Shape, problems: &mut Problems) {
    match shape {
        Shape::Section(inner) => section(node, inner, problems),
        Shape::Short(inner) => within(node, inner, problems),
        Shape::Named(inner) | Shape::Names(inner) => {
            for entry in node.entries() {
                within(&entry.value, inner, problems);
            }
        }
        Shape::List(inner) | Shape::OneOrMore(inner) => {
            for item in node.items() {
                within(item, inner, problems);
            }
        }
        _ => {}
    }
}

/// Null, empty, `false`: as good as left out.
fn says_nothing(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Scalar(scalar) => scalar.plain && as_bool(&scalar.text) == Some(false),
        Kind::List(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
    }
}
