//! Relabelling: rules that rewrite, keep or drop by labels.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config>;
//! where it leaves room, Prometheus's own code decides: a replacement that comes to nothing deletes
//! the label, a target name that comes to nothing does nothing.

#[cfg(test)]
mod tests;

use std::fmt;

use mainstay_series::{Builder, from_re2};
use md5::{Digest, Md5};
use regex::{Regex, RegexBuilder};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Action {
    /// Every action by its word.
    pub const ALL: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    /// By its word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, action)| *action)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, action)| *action == self);
        found.map_or("", |(name, _)| name)
    }
}

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("`{regex}` is not a regular expression: {reason}")]
    Regex { regex: String, reason: String },
    #[error("action `{action}` needs `{needs}`")]
    Needs {
        action: &'static str,
        needs: &'static str,
    },
    #[error("action `{action}` takes no `{key}`")]
    Takes {
        action: &'static str,
        key: &'static str,
    },
}

/// The most memory one compiled expression may take.
const REGEX_LIMIT: usize = 8 << 20;

/// What a rule is made of. `Default` has Prometheus's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleParts {
    pub source: Vec<String>,
    pub separator: String,
    pub regex: String,
    pub modulus: u64,
    pub target: String,
    pub replacement: String,
    pub action: Action,
}

impl Default for RuleParts {
    fn default() -> Self {
        Self {
            source: Vec::new(),
            separator: ";".to_owned(),
            regex: "(.*)".to_owned(),
            modulus: 0,
            target: String::new(),
            replacement: "$1".to_owned(),
            action: Action::Replace,
        }
    }
}

/// One rule, checked and compiled.
#[derive(Clone)]
pub struct Rule {
    parts: RuleParts,
    regex: Regex,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt(f)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Rule {
    /// Checks and compiles.
    pub fn new(parts: RuleParts) -> Result<Self, RuleError> {
        check(&parts)?;
        let regex = compile(&parts.regex)?;
        Ok(Self { parts, regex })
    }

    /// Applies it. `false`: what it is applied to is dropped.
    fn apply(&self, labels: &mut Builder) -> bool {
        let parts = &self.parts;
        match parts.action {
            Action::Keep => self.regex.is_match(&self.value(labels)),
            Action::Drop => !self.regex.is_match(&self.value(labels)),
            Action::KeepEqual => {
                labels.get(&parts.target).unwrap_or_default() == self.value(labels)
            }
            Action::DropEqual => {
                labels.get(&parts.target).unwrap_or_default() != self.value(labels)
            }
            _ => {
                self.rewrite(labels);
                true
            }
        }
    }

    fn rewrite(&self, labels: &mut Builder) {
        let parts = &self.parts;
        match parts.action {
            Action::Replace => self.replace(labels),
            Action::Lowercase => {
                let value = self.value(labels).to_lowercase();
                labels.set(&parts.target, value);
            }
            Action::Uppercase => {
                let value = self.value(labels).to_uppercase();
                labels.set(&parts.target, value);
            }
            Action::HashMod => {
                let rest = hash(&self.value(labels)) % parts.modulus;
                labels.set(&parts.target, rest.to_string());
            }
            Action::LabelMap => self.map(labels),
            Action::LabelDrop => self.delete(labels, true),
            Action::LabelKeep => self.delete(labels, false),
            Action::Keep | Action::Drop | Action::KeepEqual | Action::DropEqual => {}
        }
    }

    fn value(&self, labels: &Builder) -> String {
        let values = self
            .parts
            .source
            .iter()
            .map(|name| labels.get(name).unwrap_or_default());
        values.collect::<Vec<_>>().join(&self.parts.separator)
    }

    fn replace(&self, labels: &mut Builder) {
        let value = self.value(labels);
        let Some(captures) = self.regex.captures(&value) else {
            return;
        };
        let (mut target, mut replacement) = (String::new(), String::new());
        captures.expand(&self.parts.target, &mut target);
        captures.expand(&self.parts.replacement, &mut replacement);
        if !target.is_empty() {
            labels.set(target, replacement);
        }
    }

    fn map(&self, labels: &mut Builder) {
        let mut mapped = Vec::new();
        for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some(captures) = self.regex.captures(name) {
                let mut target = String::new();
                captures.expand(&self.parts.replacement, &mut target);
                mapped.push((target, value.to_owned()));
            }
        }
        for (name, value) in mapped.into_iter().filter(|(name, _)| !name.is_empty()) {
            labels.set(name, value);
        }
    }

    fn delete(&self, labels: &mut Builder, matching: bool) {
        let names: Vec<String> = labels
            .iter()
            .filter(|(name, _)| self.regex.is_match(name) == matching)
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in names {
            labels.delete(&name);
        }
    }
}

/// Applies all rules in order. `false`: dropped.
pub fn relabel(rules: &[Rule], labels: &mut Builder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

fn check(parts: &RuleParts) -> Result<(), RuleError> {
    let action = parts.action.as_str();
    let default = RuleParts::default();
    let targeted = matches!(
        parts.action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    if targeted && parts.target.is_empty() {
        return Err(RuleError::Needs {
            action,
            needs: "target_label",
        });
    }
    if parts.action == Action::HashMod && parts.modulus == 0 {
        return Err(RuleError::Needs {
            action,
            needs: "modulus",
        });
    }
    let names_only = matches!(parts.action, Action::LabelDrop | Action::LabelKeep);
    let equal = matches!(parts.action, Action::KeepEqual | Action::DropEqual);
    let takes = |key| Err(RuleError::Takes { action, key });
    if names_only && !parts.source.is_empty() {
        return takes("source_labels");
    }
    if names_only && !parts.target.is_empty() {
        return takes("target_label");
    }
    if equal && parts.regex != default.regex {
        return takes("regex");
    }
    if (names_only || equal) && parts.modulus != 0 {
        return takes("modulus");
    }
    if (names_only || equal) && parts.separator != default.separator {
        return takes("separator");
    }
    if (names_only || equal) && parts.replacement != default.replacement {
        return takes("replacement");
    }
    Ok(())
}

/// Anchored at both ends; a dot meets line feeds too.
fn compile(pattern: &str) -> Result<Regex, RuleError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .dot_matches_new_line(true)
            .size_limit(REGEX_LIMIT)
            .build()
    };
    let refused = |reason: &str| RuleError::Regex {
        regex: pattern.to_owned(),
        reason: reason.lines().last().unwrap_or_default().trim().to_owned(),
    };
    let translated = from_re2(pattern).map_err(|reason| refused(&reason))?;
    // On its own first: `a)(b` would become valid between the anchors.
    build(&translated)
        .and_then(|_| build(&format!("^(?:{translated})$")))
        .map_err(|error| refused(&error.to_string()))
}

/// The last eight bytes of the MD5 sum, as Prometheus takes them.
fn hash(text: &str) -> u64 {
    let sum = Md5::digest(text.as_bytes());
    sum[8..]
        .iter()
        .fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}
