//! What a measurement came to, and why.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The four values of a judgement. *Not enough data* is never a silent pass or fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    NotEnoughData,
    CannotMeasure,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotEnoughData => "not enough data",
            Self::CannotMeasure => "cannot measure",
        })
    }
}

/// A verdict with its reason, in words that can be shown as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    pub reason: String,
}
