//! Patterns for tags and branches: `v*`, `release/*`.

use super::{Ask, Objection};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagPattern(String);

impl TagPattern {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole of `text` is like the pattern.
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    pub(super) fn objection(&self, ask: Ask<'_>) -> Option<Objection> {
        let pattern = self.0.clone();
        let Some(tag) = ask.tag else {
            return Some(Objection::NoTag { pattern });
        };
        let tag_owned = tag.to_owned();
        if is_after_a_tag(tag) {
            Some(Objection::AfterTag { tag: tag_owned })
        } else if !self.matches(tag) {
            let tag = tag_owned;
            Some(Objection::OtherTag { pattern, tag })
        } else if ask.dirty {
            Some(Objection::UncommittedChanges { tag: tag_owned })
        } else {
            None
        }
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `v1.2.3-4-g5e6f7a8`: what `git describe` says of a commit that has no tag itself.
fn is_after_a_tag(text: &str) -> bool {
    let mut parts = text.rsplitn(3, '-');
    let (Some(hash), Some(count), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hash = hash.strip_prefix('g').unwrap_or_default();
    digits(count) && hash.len() >= 4 && hash.bytes().all(|b| b.is_ascii_hexdigit())
}
