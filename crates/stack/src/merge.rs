//! Joining a later tree into an earlier one by Compose's rules.
//!
//! Source: the Compose specification, "Merge and override". Both trees are in normal form (see
//! `check`); the rule of each key stands in the grammar.

use crate::grammar::{Identity, Merge, Section, Shape};
use crate::tree::{Entry, Kind, Node, Tag};

/// `base` with `over` laid upon it. `None` where `over` is `!reset`.
pub(crate) fn merge(base: Node, over: Node, shape: &Shape, rule: Merge) -> Option<Node> {
    match over.tag {
        Some(Tag::Reset) => return None,
        Some(Tag::Override) => return Some(clean(over, shape)),
        None => {}
    }
    if rule == Merge::Replace {
        return Some(over);
    }
    let shape = unwrapped(shape);
    Some(match (base.kind, over.kind) {
        (Kind::Map(base_entries), Kind::Map(entries)) => Node {
            at: base.at,
            kind: Kind::Map(entries_joined(base_entries, entries, shape)),
            tag: None,
        },
        (Kind::List(items), Kind::List(more)) => Node {
            at: base.at,
            kind: Kind::List(items_joined(items, more, rule)),
            tag: None,
        },
        // An empty section takes nothing away: that is what `!reset` is for.
        (kind @ (Kind::Map(_) | Kind::List(_)), Kind::Null) => Node {
            at: base.at,
            kind,
            tag: None,
        },
        (_, kind) => Node {
            at: over.at,
            kind,
            tag: None,
        },
    })
}

/// Takes `!reset` values out of a tree that overrides nothing, and the tags.
pub(crate) fn clean(mut node: Node, shape: &Shape) -> Node {
    node.tag = None;
    let shape = unwrapped(shape);
    match node.kind {
        Kind::Map(entries) => {
            node.kind = Kind::Map(entries_joined(Vec::new(), entries, shape));
        }
        Kind::List(items) => {
            let items = items
                .into_iter()
                .filter(|item| item.tag != Some(Tag::Reset));
            node.kind = Kind::List(items.map(|item| clean(item, inner(shape))).collect());
        }
        Kind::Null | Kind::Scalar(_) => {}
    }
    node
}

fn unwrapped(shape: &Shape) -> &Shape {
    match shape {
        Shape::Short(inner) => unwrapped(inner),
        other => other,
    }
}

fn inner(shape: &Shape) -> &Shape {
    match shape {
        Shape::List(inner)
        | Shape::OneOrMore(inner)
        | Shape::Named(inner)
        | Shape::Names(inner) => inner,
        _ => &Shape::Any,
    }
}

fn entries_joined(mut base: Vec<Entry>, over: Vec<Entry>, shape: &Shape) -> Vec<Entry> {
    for entry in over {
        let (shape, rule) = child(shape, &entry.key);
        match base.iter().position(|old| old.key == entry.key) {
            Some(index) => {
                let Entry { key, at, value } = base.remove(index);
                if let Some(value) = merge(value, entry.value, shape, rule) {
                    base.insert(index, Entry { key, at, value });
                }
            }
            None if entry.value.tag == Some(Tag::Reset) => {}
            None => base.push(Entry {
                value: clean(entry.value, shape),
                ..entry
            }),
        }
    }
    base
}

/// Shape and rule of what stands under a key.
fn child<'a>(shape: &'a Shape, key: &str) -> (&'a Shape, Merge) {
    match shape {
        Shape::Section(section) => in_section(section, key),
        Shape::Named(inner) | Shape::Names(inner) => (inner, Merge::Natural),
        Shape::Pairs => (&Shape::Text, Merge::Replace),
        _ => (&Shape::Any, Merge::Natural),
    }
}

fn in_section(section: &Section, key: &str) -> (&'static Shape, Merge) {
    section
        .key(key)
        .map_or((&Shape::Any, Merge::Replace), |key| (&key.shape, key.merge))
}

fn items_joined(mut base: Vec<Node>, over: Vec<Node>, rule: Merge) -> Vec<Node> {
    let Merge::By(identity) = rule else {
        base.extend(over);
        return base;
    };
    for item in over {
        let same = base.iter().position(|old| same(old, &item, identity));
        match same {
            // The later one takes its place whole, as in Compose: a mount is not read-only because
            // another mount at the same place was.
            Some(index) if item.tag == Some(Tag::Reset) => {
                base.remove(index);
            }
            Some(index) => base[index] = item,
            None if item.tag == Some(Tag::Reset) => {}
            None => base.push(item),
        }
    }
    base
}

fn same(a: &Node, b: &Node, identity: Identity) -> bool {
    let field = |key: &str, default: &'static str| {
        let text = |node: &Node| {
            let text = node.get(key).and_then(Node::as_text);
            text.unwrap_or(default).to_owned()
        };
        text(a) == text(b)
    };
    match identity {
        Identity::Value => a.scalar().is_some() && a.as_text() == b.as_text(),
        // A secret without a target is at its own name.
        Identity::Target => {
            let target = |node: &Node| {
                let found = node.get("target").or_else(|| node.get("source"));
                found.and_then(Node::as_text).map(str::to_owned)
            };
            target(a) == target(b)
        }
        Identity::Path => field("path", ""),
        Identity::Port => {
            field("host_ip", "")
                && field("target", "")
                && field("published", "")
                && field("protocol", "tcp")
        }
    }
}
