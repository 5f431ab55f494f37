//! What the target makes of each key that is there: the one place that reads the verdicts.
//!
//! It runs on the merged tree, over the services that are active, so that an overlay or a profile
//! can take a refused key away. Below a key that is warned about or refused it goes no further:
//! the whole of it was spoken of.

use crate::grammar::{Key, Section, Shape, Verdict};
use crate::keys::COMPOSE;
use crate::resolved::TargetKind;
use crate::tree::{Entry, Kind, Node, as_bool};
use mainstay_model::{Problem, Problems};

/// Judges a whole Compose tree for the target. `active` says which services run.
pub(crate) fn judge(
    tree: &Node,
    target: TargetKind,
    active: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) {
    let mut judge = Judge { target, problems };
    for entry in tree.entries() {
        let Some(key) = COMPOSE.key(&entry.key) else {
            continue;
        };
        if key.name == "services" {
            for service in entry.value.entries() {
                if active(&service.key) {
                    judge.within(&service.value, &Shape::Section(&crate::keys::SERVICE));
                }
            }
        } else {
            judge.one(key, entry, &COMPOSE);
        }
    }
}

struct Judge<'a> {
    target: TargetKind,
    problems: &'a mut Problems,
}

impl Judge<'_> {
    fn section(&mut self, node: &Node, section: &Section) {
        for entry in node.entries() {
            if let Some(key) = section.key(&entry.key) {
                self.one(key, entry, section);
            }
        }
    }

    fn one(&mut self, key: &Key, entry: &Entry, section: &Section) {
        if says_nothing(&entry.value) {
            return;
        }
        let ruling = key.ruling(self.target);
        let (key_name, section, target) = (key.name, section.name, self.target.word());
        let problem = match ruling.verdict {
            Verdict::Honoured => return self.within(&entry.value, &key.shape),
            Verdict::Warned => Problem::warning(
                "compose/not-used",
                format!("`{key_name}` in {section} is not used by the {target} target"),
            ),
            Verdict::Refused => Problem::error(
                "compose/refused",
                format!("`{key_name}` in {section} cannot be had on the {target} target"),
            ),
        };
        let problem = problem.at(entry.at.place());
        self.problems.push(problem.hint(ruling.text));
    }

    fn within(&mut self, node: &Node, shape: &Shape) {
        match shape {
            Shape::Section(inner) => self.section(node, inner),
            Shape::Short(inner) => self.within(node, inner),
            Shape::Named(inner) | Shape::Names(inner) => {
                for entry in node.entries() {
                    self.within(&entry.value, inner);
                }
            }
            Shape::List(inner) | Shape::OneOrMore(inner) => {
                for item in node.items() {
                    self.within(item, inner);
                }
            }
            _ => {}
        }
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
