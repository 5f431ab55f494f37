//! Reading one mapping: its keys against a table, its values by type. What is wrong is collected.

use std::ops::{Deref, DerefMut};

use mainstay_model::{Problem, Problems};
use mainstay_series::parse_duration;
use mainstay_yaml::fields as yaml;
use mainstay_yaml::tree::Node;

/// What is made of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Read,
    /// Another's dialect; what to do instead.
    Refused(&'static str),
}

/// The keys of a section.
pub(crate) type Keys = [(&'static str, Fate)];

/// Collects problems: what all readers say, and what rule files have beside it.
pub(crate) struct Fields<'a>(yaml::Fields<'a>);

impl<'a> Fields<'a> {
    /// Codes of problems begin with `section`.
    pub(crate) fn new(section: &'static str, problems: &'a mut Problems) -> Self {
        Self(yaml::Fields {
            section,
            shows: true,
            problems,
        })
    }
}

impl<'a> Deref for Fields<'a> {
    type Target = yaml::Fields<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Fields<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Fields<'_> {
    /// Whether it is a mapping; judges its keys.
    pub(crate) fn section(&mut self, node: &Node, name: &str, keys: &Keys) -> bool {
        if !self.mapping(node, name) {
            return false;
        }
        for entry in node.entries() {
            match keys.iter().find(|(key, _)| *key == entry.key) {
                Some((_, Fate::Read)) => {}
                Some((key, Fate::Refused(instead))) => {
                    let message = format!("`{key}` in {name} is not supported");
                    let code = format!("{}/not-supported", self.section);
                    let problem = Problem::error(code, message).hint(*instead);
                    self.problems.push(problem.at(entry.at.place()));
                }
                None => {
                    let known = keys.iter().filter(|(_, fate)| *fate == Fate::Read);
                    self.unknown(entry, name, known.map(|(key, _)| *key));
                }
            }
        }
        true
    }

    pub(crate) fn duration_ms(&mut self, node: &Node, key: &str) -> Option<i64> {
        self.read(node, key, "a duration such as `1m30s`", |value| {
            let duration = value.as_text().and_then(parse_duration)?;
            i64::try_from(duration.as_millis()).ok()
        })
    }

    /// A whole number, not in quotes.
    pub(crate) fn whole_number(&mut self, node: &Node, key: &str) -> Option<i64> {
        self.read(node, key, "a whole number", |value| {
            let scalar = value.scalar().filter(|scalar| scalar.plain)?;
            scalar.text.parse().ok()
        })
    }
}
