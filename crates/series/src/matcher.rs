//! Label matchers: `=`, `!=`, `=~`, `!~`.
//!
//! Regular expressions are RE2's syntax, anchored at both ends, as in Prometheus. A label that is
//! not there has the empty value.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::labels::{is_legacy_label_name, quote};
use crate::re2::from_re2;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    /// As it is written in a selector.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// Why a matcher could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    #[error("regular expression {pattern:?} of label {name:?}: {reason}")]
    Regex {
        name: String,
        pattern: String,
        reason: String,
    },
}

/// The most memory one compiled expression may take.
const REGEX_LIMIT: usize = 8 << 20;

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    pattern: Option<Pattern>,
}

/// A regular expression. Most of those that are written in selectors say no more than where a text
/// stands, and a comparison of texts is many times quicker than an automaton.
#[derive(Debug, Clone)]
enum Pattern {
    /// `.*`
    Anything,
    /// `text`
    Exactly(String),
    /// `text.*`
    Begins(String),
    /// `.*text`
    Ends(String),
    /// `.*text.*`
    Contains(String),
    Other(Regex),
}

impl Pattern {
    /// A pattern that is known to be one.
    fn of(pattern: &str, regex: Regex) -> Self {
        let (begun, rest) = match pattern.strip_prefix(".*") {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        // `\\.*` is a backslash and anything, but a text with a backslash is no plain one anyway.
        let (ended, text) = match rest.strip_suffix(".*") {
            Some(text) => (true, text),
            None => (false, rest),
        };
        if !text.chars().all(is_plain) {
            return Self::Other(regex);
        }
        match (begun, ended) {
            _ if text.is_empty() && (begun || ended) => Self::Anything,
            (false, false) => Self::Exactly(text.to_owned()),
            (false, true) => Self::Begins(text.to_owned()),
            (true, false) => Self::Ends(text.to_owned()),
            (true, true) => Self::Contains(text.to_owned()),
        }
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exactly(text) => value == text,
            Self::Begins(text) => value.starts_with(text.as_str()),
            Self::Ends(text) => value.ends_with(text.as_str()),
            Self::Contains(text) => value.contains(text.as_str()),
            Self::Other(regex) => regex.is_match(value),
        }
    }
}

/// Whether a character of a pattern stands for itself and nothing else.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "_-/:;,=@%&<> !~\"'`".contains(c)
}

impl Matcher {
    /// A matcher of any kind.
    pub fn new(
        op: MatchOp,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let pattern = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(compile(&name, &value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self {
            name,
            op,
            value,
            pattern,
        })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            pattern: None,
        }
    }

    /// `name=~"pattern"`.
    pub fn regex(
        name: impl Into<String>,
        pattern: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        Self::new(MatchOp::Regex, name, pattern)
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with: a value or a pattern.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label's value meets the condition; `""` stands for a label that is not there.
    pub fn matches(&self, value: &str) -> bool {
        let regex = || {
            self.pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matches(value))
        };
        match self.op {
            MatchOp::Equal => self.value == value,
            MatchOp::NotEqual => self.value != value,
            MatchOp::Regex => regex(),
            MatchOp::NotRegex => !regex(),
        }
    }
}

/// Anchored, and `.` meets a line feed too, as in Prometheus.
fn compile(name: &str, pattern: &str) -> Result<Pattern, MatcherError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .dot_matches_new_line(true)
            .size_limit(REGEX_LIMIT)
            .build()
    };
    let refused = |reason: String| MatcherError::Regex {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        reason,
    };
    let translated = from_re2(pattern).map_err(refused)?;
    // On its own first: `a)(b` would become valid between the anchors.
    build(&translated)
        .and_then(|_| build(&format!("^(?:{translated})$")))
        .map(|regex| Pattern::of(pattern, regex))
        .map_err(|error| refused(last_line(&error.to_string())))
}

/// The expression's own message is a drawing over several lines; its last one says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = quote(&self.value);
        if is_legacy_label_name(&self.name) {
            write!(f, "{}{}{value}", self.name, self.op.as_str())
        } else {
            write!(f, "{}{}{value}", quote(&self.name), self.op.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_compares_as_prometheus_does() {
        let case = |op, value, on| Matcher::new(op, "l", value).unwrap().matches(on);
        assert!(case(MatchOp::Equal, "", "") && !case(MatchOp::Equal, "a", ""));
        assert!(case(MatchOp::NotEqual, "a", "") && !case(MatchOp::NotEqual, "a", "a"));
        assert!(case(MatchOp::Regex, "a|b", "b") && !case(MatchOp::Regex, "a|b", "ab"));
        assert!(
            case(MatchOp::Regex, "a.b", "a\nb"),
            "a dot meets a line feed"
        );
        assert!(case(MatchOp::NotRegex, "a.*", "ba") && !case(MatchOp::NotRegex, ".*", ""));
    }

    #[test]
    fn what_is_compared_as_text_is_met_as_by_the_regular_expression() {
        let values = [
            "", "a", "ab", "b", "ba", "a\nb", ".*", "a.*", "x/7", "/7", "7", "\\", "*",
        ];
        for pattern in [
            ".*", ".*.*", "", "a", "a.*", ".*b", ".*a.*", ".*.*a", ".*/7", "a.b", "\\.*", "a\\.*",
            ".*\\", "\\\\.*", ".*a|b.*", ".*+", "[.*", ".*?", "a.*?", ".*(b)", "(?i)A.*", "^a.*",
            ".*b$",
        ] {
            let Ok(matcher) = Matcher::regex("l", pattern) else {
                continue;
            };
            let regex = RegexBuilder::new(&format!("^(?:{pattern})$"))
                .dot_matches_new_line(true)
                .build()
                .unwrap();
            for value in values {
                assert_eq!(
                    matcher.matches(value),
                    regex.is_match(value),
                    "{pattern} {value}"
                );
            }
        }
        let shape = |pattern| Matcher::regex("l", pattern).unwrap().pattern;
        assert!(matches!(shape(".*/7"), Some(Pattern::Ends(text)) if text == "/7"));
        assert!(matches!(shape("a.*"), Some(Pattern::Begins(text)) if text == "a"));
        assert!(matches!(shape(".*a.*"), Some(Pattern::Contains(text)) if text == "a"));
        assert!(matches!(shape("a|b"), Some(Pattern::Other(_))));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_with_its_reason() {
        for pattern in ["(", "a)(b", "[z-a]", "(?<n>"] {
            let error = Matcher::regex("job", pattern).unwrap_err().to_string();
            assert!(
                error.contains("\"job\"") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}
