//! A job: one recording, from its upload to its report.

use crate::audio::Report;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// The file's name as the client gave it.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) state: JobState,
    /// From 0 to 1.
    pub(crate) progress: f64,
    /// Starts so far; more than one when an instance was lost in between.
    pub(crate) attempts: u32,
    pub(crate) created: Moment,
    pub(crate) started: Option<Moment>,
    pub(crate) finished: Option<Moment>,
    pub(crate) result: Option<Report>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    Queued,
    Running,
    Done,
    Failed,
}

impl JobState {
    pub(crate) const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Milliseconds since 1970 in UTC; RFC 3339 on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(since.as_millis() as i64)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        jiff::Timestamp::from_millisecond(moment.0)
            .map_or_else(|_| moment.0.to_string(), |time| format!("{time:.3}"))
    }
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_from_the_wire() {
        let moment = Moment(1_763_700_000_123);
        let text = serde_json::to_string(&moment).unwrap();
        assert_eq!(text, r#""2025-11-21T04:40:00.123Z""#);
        assert_eq!(serde_json::from_str::<Moment>(&text).unwrap(), moment);
    }
}
