//! One result of an audit: which rule, where, how bad, what, and how to mend it.

use crate::rule::{self, Rule};
use mainstay_model::Place;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// How bad it is. The order is that of the words: `Low < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A better way is known.
    Low,
    /// Will cost time or trouble one day.
    Medium,
    /// Should not go to production.
    High,
    /// Something is given away already.
    Critical,
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.word() == text)
            .ok_or_else(|| format!("`{text}` is no severity; it is low, medium, high or critical"))
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of one of [`rule::rules`].
    pub rule: Cow<'static, str>,
    pub severity: Severity,
    /// Line 0: the file, the image or the service as a whole.
    pub place: Place,
    /// Lower case, no full stop, the thing and its value; never the value of a secret.
    pub message: String,
    pub fix: String,
}

impl Finding {
    /// With the severity and the fix of its rule.
    pub(crate) fn new(
        rule: &'static Rule,
        file: &str,
        line: u32,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rule: Cow::Borrowed(rule.id),
            severity: rule.severity,
            place: Place {
                file: file.to_owned(),
                line,
                column: u32::from(line > 0),
            },
            message: message.into(),
            fix: rule.fix.to_owned(),
        }
    }

    /// A fix that says more than the rule's own.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    pub fn about(&self) -> &'static Rule {
        rule::find(&self.rule).unwrap_or(&rule::SYNTAX)
    }
}

impl fmt::Display for Finding {
    /// `Dockerfile:3: high: dockerfile/sudo: …` and a line with the fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.file)?;
        if self.place.line > 0 {
            write!(f, ":{}", self.place.line)?;
        }
        write!(
            f,
            ": {}: {}: {}\n  fix: {}",
            self.severity, self.rule, self.message, self.fix
        )
    }
}

/// By place, the worst first where several stand at one.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.place.file.clone(), finding.place.line);
        key(a)
            .cmp(&key(b))
            .then(b.severity.cmp(&a.severity))
            .then(a.rule.cmp(&b.rule))
    });
}
