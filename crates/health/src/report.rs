//! What a look came to.

use crate::check::{Area, Bad, Unit};
use crate::limits::Limits;
use crate::quantity::shown;
use mainstay_model::{Judgement, Scope, Timestamp, Verdict};
use serde::Serialize;
use std::fmt;
use std::fmt::Write as _;

/// The four verdicts, with a failure in its two degrees. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pass,
    CannotMeasure,
    NotEnoughData,
    Degraded,
    Critical,
}

impl State {
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Pass => Verdict::Pass,
            Self::Degraded | Self::Critical => Verdict::Fail,
            Self::NotEnoughData => Verdict::NotEnoughData,
            Self::CannotMeasure => Verdict::CannotMeasure,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Degraded => f.write_str("degraded"),
            Self::Critical => f.write_str("critical"),
            other => other.verdict().fmt(f),
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub area: Area,
    pub title: &'static str,
    pub unit: Unit,
    pub bad: Bad,
    pub state: State,
    pub judgement: Judgement,
    /// The worst one, where several were measured.
    pub value: Option<f64>,
    /// What it was measured of: `mountpoint=/, instance=host`.
    pub of: Option<String>,
    pub limits: Limits,
    /// What to do first; only where there is something to do.
    pub next: Option<String>,
    pub runbook: &'static str,
}

impl Finding {
    /// The value as people read it.
    pub fn shown(&self) -> Option<String> {
        self.value.map(|value| shown(self.unit, value))
    }

    /// Target, warning and critical as people read them.
    pub fn limits_shown(&self) -> [Option<String>; 3] {
        let sign = match self.bad {
            Bad::Above => '>',
            Bad::Below => '<',
        };
        let limits = self.limits;
        let target = match self.bad {
            Bad::Above => '<',
            Bad::Below => '>',
        };
        [
            limits
                .target
                .map(|value| format!("{target} {}", shown(self.unit, value))),
            limits
                .warning
                .map(|value| format!("{sign} {}", shown(self.unit, value))),
            limits
                .critical
                .map(|value| format!("{sign} {}", shown(self.unit, value))),
        ]
    }
}

/// All of them, at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub at: Timestamp,
    pub scope: Scope,
    pub profile: &'static str,
    /// The worst of what was judged; where nothing was, why not.
    pub state: State,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Nothing that was judged fails, and something was judged.
    pub fn is_healthy(&self) -> bool {
        self.state == State::Pass
    }

    pub fn count(&self, state: State) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    }

    /// What fails, the worst first.
    pub fn failures(&self) -> Vec<&Finding> {
        let fails = |finding: &&Finding| finding.state.verdict() == Verdict::Fail;
        let mut failures: Vec<&Finding> = self.findings.iter().filter(fails).collect();
        failures.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        failures
    }

    /// `degraded: 1 of 12 checks fails, 3 could not be judged`
    pub fn headline(&self) -> String {
        let failing = self.failures().len();
        let unjudged = self.count(State::NotEnoughData) + self.count(State::CannotMeasure);
        let judged = self.findings.len() - unjudged;
        let mut text = match (judged, failing) {
            (0, _) => format!(
                "{}: none of {} checks could be judged",
                self.state,
                self.findings.len()
            ),
            (_, 0) => format!("healthy: {judged} checks pass"),
            (_, 1) => format!("{}: 1 of {judged} checks fails", self.state),
            _ => format!("{}: {failing} of {judged} checks fail", self.state),
        };
        if judged > 0 && unjudged > 0 {
            let _ = write!(text, ", {unjudged} could not be judged");
        }
        text
    }
}
