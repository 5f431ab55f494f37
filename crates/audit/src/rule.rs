//! Every rule: its id, how bad a finding of it is, why, and the way out.
//!
//! One table per subject. The reference page, the SARIF output and the tests are made from them.

mod container;
mod context;
mod dockerfile;
mod image;

pub use container::*;
pub use context::*;
pub use dockerfile::*;
pub use image::*;

use crate::finding::Severity;

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// `subject/name`: stable, greppable, what a waiver names.
    pub id: &'static str,
    pub severity: Severity,
    /// What it asks for, in one line.
    pub title: &'static str,
    pub why: &'static str,
    pub fix: &'static str,
    /// Codes of hadolint's rules that look at the same thing, for those who come from there.
    pub hadolint: &'static [&'static str],
}

impl Rule {
    /// `dockerfile`, `context`, `image` or `container`.
    pub fn subject(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }
}

/// All rules, by subject.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        dockerfile::LIST,
        context::LIST,
        image::LIST,
        container::LIST,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The rule of this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// Declares rules and the list of them.
macro_rules! declare {
    ($($name:ident $id:literal $severity:ident [$($code:literal)*] $title:literal $why:literal $fix:literal;)*) => {
        $(pub static $name: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            severity: $crate::finding::Severity::$severity,
            title: $title,
            why: $why,
            fix: $fix,
            hadolint: &[$($code),*],
        };)*
        pub(super) static LIST: &[&$crate::rule::Rule] = &[$(&$name),*];
    };
}
use declare;

#[cfg(test)]
mod tests {
    use super::rules;
    use std::collections::BTreeSet;

    #[test]
    fn every_id_is_there_once_and_every_text_reads_as_one_sentence() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(seen.insert(rule.id), "{} is there twice", rule.id);
            for text in [rule.title, rule.why, rule.fix] {
                // `HEALTHCHECK` and names such as Python begin in upper case for a reason.
                assert!(
                    !text.is_empty() && !text.starts_with("The "),
                    "{}: {text}",
                    rule.id
                );
                assert!(!text.ends_with('.'), "{}: {text}", rule.id);
            }
        }
    }
}
