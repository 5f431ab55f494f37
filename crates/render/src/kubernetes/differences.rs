//! One set of objects for all environments, and what differs in each.

use super::manifests;
use super::site::{Object, Site};
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    At(usize),
}

/// A change that makes one document another one: RFC 6902, with `None` for `remove`.
pub(super) struct Change {
    pub(super) path: Vec<Step>,
    pub(super) operation: &'static str,
    pub(super) value: Option<Doc>,
}

/// Objects of a stack without their namespace.
pub(super) fn common(project: &Project, stack: &Stack) -> Vec<Object> {
    manifests::objects(&Site::anywhere(project, stack))
}

/// The same object among others.
pub(super) fn same<'a>(object: &Object, among: &'a [Object]) -> Option<&'a Object> {
    let alike = |other: &&Object| other.kind() == object.kind() && other.name() == object.name();
    among.iter().find(alike)
}

/// What turns `from` into `to`, in an order in which it can be done.
pub(super) fn changes(from: &Map, to: &Map) -> Vec<Change> {
    let mut all = Vec::new();
    maps(from, to, &mut Vec::new(), &mut all);
    all
}

fn maps(from: &Map, to: &Map, path: &mut Vec<Step>, all: &mut Vec<Change>) {
    for (key, value) in from.iter() {
        path.push(Step::Key(key.to_owned()));
        match to.get(key) {
            Some(other) => values(value, other, path, all),
            None => all.push(change(path, "remove", None)),
        }
        path.pop();
    }
    for (key, value) in to.iter().filter(|(key, _)| from.get(key).is_none()) {
        path.push(Step::Key(key.to_owned()));
        all.push(change(path, "add", Some(value.clone())));
        path.pop();
    }
}

fn values(from: &Doc, to: &Doc, path: &mut Vec<Step>, all: &mut Vec<Change>) {
    match (from, to) {
        (Doc::Map(from), Doc::Map(to)) => maps(from, to, path, all),
        (Doc::List(from), Doc::List(to)) if from.len() == to.len() => {
            for (at, (from, to)) in from.iter().zip(to).enumerate() {
                path.push(Step::At(at));
                values(from, to, path, all);
                path.pop();
            }
        }
        _ if without_comments(from) == without_comments(to) => {}
        _ => all.push(change(path, "replace", Some(to.clone()))),
    }
}

fn change(path: &[Step], operation: &'static str, value: Option<Doc>) -> Change {
    Change {
        path: path.to_vec(),
        operation,
        value,
    }
}

/// Comments say nothing to a machine.
pub(super) fn without_comments(doc: &Doc) -> Doc {
    match doc {
        Doc::Map(map) => Doc::Map(
            map.iter()
                .map(|(key, value)| (key, without_comments(value)))
                .collect(),
        ),
        Doc::List(list) => Doc::List(list.iter().map(without_comments).collect()),
        other => other.clone(),
    }
}

/// A path as RFC 6901 writes it.
pub(super) fn pointer(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        text.push('/');
        match step {
            Step::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::At(at) => text.push_str(&at.to_string()),
        }
    }
    text
}
