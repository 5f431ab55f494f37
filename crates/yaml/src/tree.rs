//! The tagged tree: YAML values that know their place.
//!
//! Merging, interpolation and decoding work on it. A scalar stays text until a decoder asks for
//! a type, so that `"8080"`, `8080` and `${PORT}` are one thing, as they are in Compose.

use crate::source::At;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: At,
    pub kind: Kind,
    pub tag: Option<Tag>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scalar {
    pub text: String,
    /// Written without quotes: may be a number, a boolean …
    pub plain: bool,
    /// The variables that went into it.
    pub variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub at: At,
    pub value: Node,
}

/// Compose's own tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: take away what earlier files gave.
    Reset,
    /// `!override`: replace it whole.
    Override,
}

impl Node {
    pub fn new(at: At, kind: Kind) -> Self {
        Self {
            at,
            kind,
            tag: None,
        }
    }

    pub fn text(at: At, text: impl Into<String>) -> Self {
        Self::new(
            at,
            Kind::Scalar(Scalar {
                text: text.into(),
                plain: false,
                variables: Vec::new(),
            }),
        )
    }

    pub fn empty_map(at: At) -> Self {
        Self::new(at, Kind::Map(Vec::new()))
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under `key`, where it is there and not null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.kind {
            Kind::Map(entries) => entries
                .iter_mut()
                .find(|entry| entry.key == key)
                .map(|entry| &mut entry.value),
            _ => None,
        }
    }

    /// Takes the entry out of a mapping.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let Kind::Map(entries) = &mut self.kind else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index))
    }

    /// Puts the entry into a mapping, in the place of one of the same key.
    pub fn insert(&mut self, entry: Entry) {
        let Kind::Map(entries) = &mut self.kind else {
            return;
        };
        match entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
    }

    /// How many values it consists of.
    pub fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
            Kind::Null | Kind::Scalar(_) => 0,
        }
    }

    /// For messages: what it is.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Compose reads YAML 1.1's and 1.2's words for booleans.
pub fn as_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}
