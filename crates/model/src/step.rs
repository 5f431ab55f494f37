//! The ten steps of a deploy, by name.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of the ten steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Disk, target, ports, proxy, clock.
    PreChecks,
    /// The stack is usable, and what changes is said.
    Configuration,
    Backup,
    /// The rollout itself, with the migration before it.
    Update,
    /// Everything is healthy, and the smoke test passes.
    Health,
    LoadTest,
    /// Alerts are set up for the new release.
    Alerts,
    /// What is new, from version control.
    ReleaseNotes,
    /// How to go back, and that it can be done.
    RollbackPlan,
    /// The new release is judged under its real load.
    Watch,
}

/// A text that names no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no step is called `{name}`; there are {}", Step::WORDS.join(", "))]
pub struct StepError {
    pub name: String,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::PreChecks,
        Self::Configuration,
        Self::Backup,
        Self::Update,
        Self::Health,
        Self::LoadTest,
        Self::Alerts,
        Self::ReleaseNotes,
        Self::RollbackPlan,
        Self::Watch,
    ];
    /// As they are written in files and options.
    pub const WORDS: [&'static str; 10] = [
        "pre-checks",
        "configuration",
        "backup",
        "update",
        "health",
        "load-test",
        "alerts",
        "release-notes",
        "rollback-plan",
        "watch",
    ];

    pub const fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// 1 to 10.
    pub const fn number(self) -> usize {
        self as usize + 1
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let at = Self::WORDS.iter().position(|word| *word == text);
        at.map(|at| Self::ALL[at]).ok_or_else(|| StepError {
            name: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_each_everywhere() {
        for (number, step) in (1..).zip(Step::ALL) {
            assert_eq!(step.number(), number);
            assert_eq!(step.word().parse(), Ok(step));
            assert_eq!(serde_json::to_value(step).unwrap(), step.word());
        }
        assert!("deploy".parse::<Step>().is_err());
    }
}
