//! The tagged tree: YAML values that know their place.
//!
//! Merging, interpolation and decoding work on it. A scalar stays text until a decoder asks for
//! a type, so that `"8080"`, `8080` and `${PORT}` are one thing, as they are in Compose.

use crate::source::At;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) kind: Kind,
    pub(crate) tag: Option<Tag>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes: may be a number, a boolean …
    pub(crate) plain: bool,
    /// The variables that went into it.
    pub(crate) variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

/// Compose's own tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// `!reset`: take away what earlier files gave.
    Reset,
    /// `!override`: replace it whole.
    Override,
}

impl Node {
    pub(crate) fn new(at: At, kind: Kind) -> Self {
        Self {
            at,
            kind,
            tag: None,
        }
    }

    pub(crate) fn text(at: At, text: impl Into<String>) -> Self {
        Self::new(
            at,
            Kind::Scalar(Scalar {
                text: text.into(),
                plain: false,
                variables: Vec::new(),
            }),
        )
    }

    pub(crate) fn empty_map(at: At) -> Self {
        Self::new(at, Kind::Map(Vec::new()))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under `key`, where it is there and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.kind {
            Kind::Map(entries) => entries
                .iter_mut()
                .find(|entry| entry.key == key)
                .map(|entry| &mut entry.value),
            _ => None,
        }
    }

    /// Takes the entry out of a mapping.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let Kind::Map(entries) = &mut self.kind else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index))
    }

    /// Puts the entry into a mapping, in the place of one of the same key.
    pub(crate) fn insert(&mut self, entry: Entry) {
        let Kind::Map(entries) = &mut self.kind else {
            return;
        };
        match entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
    }

    /// How many values it consists of.
    pub(crate) fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
            Kind::Null | Kind::Scalar(_) => 0,
        }
    }

    /// For messages: what it is.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Compose reads YAML 1.1's and 1.2's words for booleans.
pub(crate) fn as_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}
