//! The record of a drill: what was restored into a scratch engine, and what that showed.

#[cfg(test)]
mod tests;

use crate::choose::rounded;
use crate::compare::Difference;
use crate::point::PointName;
use crate::report::{Objectives, Timed, judge, optional_ms};
use mainstay_model::{Judgement, ServiceName, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// Differences that are written out; the others are counted.
const SHOWN: usize = 3;

/// One drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub point: Uuid,
    pub name: PointName,
    pub began: Timestamp,
    pub ended: Timestamp,
    /// One for each source that was asked for.
    pub sources: Vec<SourceProof>,
    /// The service that was started against the copy, where one was.
    pub boot: Option<Boot>,
    pub steps: Vec<Timed>,
    /// How old the newest copy was when the drill began.
    #[serde(rename = "rpo_ms", with = "optional_ms", default)]
    pub rpo: Option<Duration>,
    pub objectives: Objectives,
}

/// One source of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProof {
    pub source: String,
    pub restored: Restored,
    /// Against the figures of the copy. `None`: there were none to compare with.
    pub compared: Option<Compared>,
    pub asked: Option<AskedQuery>,
}

/// Whether the copy came back at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restored {
    Yes,
    /// Why it did not.
    No(String),
    /// Why nobody could try: no engine to restore into, say.
    CannotTry(String),
}

/// What was compared, and what was different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    pub tables: usize,
    pub differences: Vec<Difference>,
}

/// The user's smoke query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedQuery {
    /// The first value that came back; the error, where one came.
    pub answer: Result<String, String>,
}

/// The service that ran against the copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    pub service: ServiceName,
    pub came: Came,
}

/// What its health check said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    Healthy,
    /// What it said, or how the service ended.
    NotHealthy(String),
    /// Why nobody could try: the target cannot keep it from what is live, say.
    CannotTry(String),
}

impl Boot {
    pub fn judge(&self) -> Judgement {
        let name = &self.service;
        let (verdict, reason) = match &self.came {
            Came::Healthy => (
                Verdict::Pass,
                format!("`{name}` is healthy against the copy"),
            ),
            Came::NotHealthy(why) => (
                Verdict::Fail,
                format!("`{name}` is not healthy against the copy: {why}"),
            ),
            Came::CannotTry(why) => (
                Verdict::CannotMeasure,
                format!("`{name}` cannot be started against the copy: {why}"),
            ),
        };
        Judgement { verdict, reason }
    }
}

impl AskedQuery {
    /// Whether the first value is true: not empty, not nought, not false.
    pub fn is_true(&self) -> bool {
        let Ok(answer) = &self.answer else {
            return false;
        };
        let answer = answer.trim();
        let nought = answer.parse::<f64>().is_ok_and(|number| number == 0.0);
        let no = ["", "f", "false", "no", "null", "off"];
        !nought && !no.iter().any(|word| answer.eq_ignore_ascii_case(word))
    }
}

impl SourceProof {
    pub fn judge(&self) -> Judgement {
        let name = &self.source;
        let of = |verdict, text: String| Judgement {
            verdict,
            reason: format!("`{name}` {text}"),
        };
        match &self.restored {
            Restored::Yes => {}
            Restored::No(why) => {
                return of(Verdict::Fail, format!("cannot be restored: {why}"));
            }
            Restored::CannotTry(why) => {
                return of(Verdict::CannotMeasure, format!("cannot be tried: {why}"));
            }
        }
        if let Some(compared) = &self.compared
            && !compared.differences.is_empty()
        {
            return of(Verdict::Fail, format!("differs: {}", compared.words()));
        }
        if let Some(asked) = &self.asked
            && !asked.is_true()
        {
            let text = match &asked.answer {
                Ok(answer) => format!("answered `{answer}` to its query"),
                Err(error) => format!("did not answer its query: {error}"),
            };
            return of(Verdict::Fail, text);
        }
        match &self.compared {
            Some(compared) => {
                let text = format!("came back, with all of {} tables", compared.tables);
                of(Verdict::Pass, text)
            }
            None => of(
                Verdict::Pass,
                "came back; there were no figures to compare".to_owned(),
            ),
        }
    }
}

impl Compared {
    fn words(&self) -> String {
        let shown = self.differences.iter().take(SHOWN);
        let mut words: Vec<String> = shown.map(ToString::to_string).collect();
        if let Some(more @ 1..) = self.differences.len().checked_sub(SHOWN) {
            words.push(format!("and {more} more"));
        }
        words.join("; ")
    }
}

impl Proof {
    /// Passed only when every source came back and all that was looked at was right. The reason names the first
    /// that was not.
    pub fn judge(&self) -> Judgement {
        let judgements: Vec<Judgement> = self.sources.iter().map(SourceProof::judge).collect();
        let boot = self.boot.iter().map(Boot::judge);
        let all: Vec<Judgement> = judgements.into_iter().chain(boot).collect();
        if self.sources.is_empty() {
            return Judgement {
                verdict: Verdict::NotEnoughData,
                reason: "nothing was restored".to_owned(),
            };
        }
        for wrong in [
            Verdict::Fail,
            Verdict::CannotMeasure,
            Verdict::NotEnoughData,
        ] {
            if let Some(one) = all.iter().find(|one| one.verdict == wrong) {
                return one.clone();
            }
        }
        Judgement {
            verdict: Verdict::Pass,
            reason: format!(
                "{} of {} sources came back in {}",
                self.sources.len(),
                self.sources.len(),
                rounded(self.took())
            ),
        }
    }

    /// The measured recovery time.
    pub fn took(&self) -> Duration {
        self.ended.since(self.began)
    }

    pub fn is_proven(&self) -> bool {
        self.judge().verdict == Verdict::Pass
    }

    pub fn judge_rpo(&self) -> Judgement {
        judge("recovery point", self.rpo, self.objectives.rpo)
    }

    pub fn judge_rto(&self) -> Judgement {
        judge("recovery time", Some(self.took()), self.objectives.rto)
    }
}
