//! How long each step took, and whether that is what was promised.

#[cfg(test)]
mod tests;

use crate::choose::rounded;
use mainstay_model::{Judgement, Timestamp, Verdict, duration_ms, format_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is promised to whoever depends on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objectives {
    /// Recovery point objective: no more than this much time is lost. `None`: nothing is promised.
    #[serde(with = "optional_ms", default)]
    pub rpo: Option<Duration>,
    /// Recovery time objective: it runs again after this time.
    #[serde(with = "optional_ms", default)]
    pub rto: Option<Duration>,
}

/// One step of a restore, a recovery or a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// `bring back database`
    pub what: String,
    #[serde(rename = "took_ms", with = "duration_ms")]
    pub took: Duration,
}

/// What a recovery came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub steps: Vec<Timed>,
    /// From the loss, or from the beginning of the restore, until it ran again.
    #[serde(rename = "rto_ms", with = "duration_ms")]
    pub rto: Duration,
    /// From the oldest state that was brought back until the loss. `None`: no data was lost that is known of.
    #[serde(rename = "rpo_ms", with = "optional_ms", default)]
    pub rpo: Option<Duration>,
    pub objectives: Objectives,
}

impl Report {
    /// `lost`: when the stack was last known to write. `restored`: the moments of what was brought back. `ran`:
    /// when it ran again.
    pub fn new(
        steps: Vec<Timed>,
        (lost, ran): (Timestamp, Timestamp),
        restored: &[Timestamp],
        objectives: Objectives,
    ) -> Self {
        let oldest = restored.iter().min();
        Self {
            steps,
            rto: ran.since(lost),
            rpo: oldest.map(|oldest| lost.since(*oldest)),
            objectives,
        }
    }

    pub fn judge_rpo(&self) -> Judgement {
        judge("recovery point", self.rpo, self.objectives.rpo)
    }

    pub fn judge_rto(&self) -> Judgement {
        judge("recovery time", Some(self.rto), self.objectives.rto)
    }
}

/// A measured time against what was promised.
pub fn judge(what: &str, measured: Option<Duration>, objective: Option<Duration>) -> Judgement {
    let (verdict, reason) = match (measured, objective) {
        (None, _) => (
            Verdict::NotEnoughData,
            format!("{what}: nothing was measured"),
        ),
        (Some(measured), None) => (
            Verdict::Pass,
            format!("{what}: {}, no objective is set", rounded(measured)),
        ),
        (Some(measured), Some(objective)) => {
            let (verdict, word) = if measured <= objective {
                (Verdict::Pass, "within")
            } else {
                (Verdict::Fail, "longer than")
            };
            let (mut shown, promised) = (rounded(measured), rounded(objective));
            // Rounded to the same, the difference would not be seen.
            if shown == promised {
                shown = format_duration(measured);
            }
            (
                verdict,
                format!("{what}: {shown}, {word} the objective of {promised}"),
            )
        }
    };
    Judgement { verdict, reason }
}

/// `#[serde(with = …)]`: integer milliseconds, or null.
pub(crate) mod optional_ms {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[allow(clippy::ref_option)] // serde's signature
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = duration.map(|one| u64::try_from(one.as_millis()).unwrap_or(u64::MAX));
        millis.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
