//! What a target says of its metrics: type, help and unit.
//!
//! The lines are compared with those of the last scrape in their order; only when one differs is
//! anything built.

use std::collections::BTreeMap;

use crate::batch::Metadata;
use crate::entry::{Meta, MetaKind, MetricType};

#[derive(Debug, PartialEq)]
enum Line {
    Type(Box<str>, MetricType),
    Help(Box<str>, Box<str>),
    Unit(Box<str>, Box<str>),
}

impl Line {
    fn of(meta: &Meta<'_>) -> Self {
        let name = meta.name.into();
        match meta.kind {
            MetaKind::Type(kind) => Self::Type(name, kind),
            MetaKind::Help(text) => Self::Help(name, text.into()),
            MetaKind::Unit(text) => Self::Unit(name, text.into()),
        }
    }

    fn says(&self, meta: &Meta<'_>) -> bool {
        match (self, meta.kind) {
            (Self::Type(name, kind), MetaKind::Type(other)) => {
                **name == *meta.name && *kind == other
            }
            (Self::Help(name, text), MetaKind::Help(other))
            | (Self::Unit(name, text), MetaKind::Unit(other)) => {
                **name == *meta.name && **text == *other
            }
            _ => false,
        }
    }
}

/// All lines, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Metas {
    lines: Vec<Line>,
    next: usize,
    differs: bool,
    known: BTreeMap<String, Metadata>,
}

impl Metas {
    pub(super) fn begin(&mut self) {
        self.next = 0;
        self.differs = false;
    }

    pub(super) fn see(&mut self, meta: &Meta<'_>) {
        if self
            .lines
            .get(self.next)
            .is_none_or(|line| !line.says(meta))
        {
            self.differs = true;
            self.lines.truncate(self.next);
            self.lines.push(Line::of(meta));
        }
        self.next += 1;
    }

    /// The lines of a body that failed are not to be believed.
    pub(super) fn forget(&mut self) {
        if self.differs {
            self.lines.clear();
        }
    }

    /// What is new or other than before.
    pub(super) fn changed(&mut self) -> Vec<Metadata> {
        if !self.differs && self.next == self.lines.len() {
            return Vec::new();
        }
        self.lines.truncate(self.next);
        let mut all: BTreeMap<String, Metadata> = BTreeMap::new();
        for line in &self.lines {
            let (Line::Type(name, _) | Line::Help(name, _) | Line::Unit(name, _)) = line;
            let entry = all.entry(name.to_string()).or_insert_with(|| Metadata {
                metric: name.to_string(),
                ..Metadata::default()
            });
            match line {
                Line::Type(_, kind) => entry.kind = *kind,
                Line::Help(_, text) => entry.help = crate::series::unescape(text).into_owned(),
                Line::Unit(_, unit) => entry.unit = unit.to_string(),
            }
        }
        let before = std::mem::replace(&mut self.known, all);
        let other = |metadata: &&Metadata| before.get(&metadata.metric) != Some(metadata);
        self.known.values().filter(other).cloned().collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Metadata> {
        self.known.values()
    }
}
