//! What was decided, and why; and the bounded memory of it.

use std::collections::VecDeque;

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::log::{Quiet, Reason};
use super::{LIMIT_HISTORY, LIMIT_MENTIONS};
use crate::notification::{Fingerprint, IntegrationKey};

/// What became of one alert when its group was flushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Station {
    /// Kept quiet by another alert that fires, by the rule of this number (from 0).
    Inhibited {
        rule: usize,
        by: Fingerprint,
    },
    /// The route is active in these intervals only, and it is none of them.
    Inactive {
        intervals: Vec<String>,
    },
    /// The route is mute in this interval.
    Muted {
        interval: String,
    },
    Silenced {
        by: Vec<String>,
    },
    /// A window of maintenance or a recurring silence.
    Window {
        name: String,
    },
    /// Muted by hand until it is over.
    MutedUntilResolved {
        by: String,
    },
    /// Handed on to the integrations.
    Passed,
}

/// What became of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Handed to whoever delivers; `attempt` counts from 1.
    Sent {
        reason: Reason,
        attempt: u32,
    },
    Delivered {
        attempt: u32,
    },
    /// Nothing to tell: written down without a word, since it does not want to know what is over.
    Noted,
    /// Tried again at `next`, or given up for this time.
    Failed {
        attempt: u32,
        error: String,
        next: Option<Timestamp>,
    },
    /// The group's next interval came before it was delivered.
    GivenUp {
        attempts: u32,
    },
    Quiet(Quiet),
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Timestamp,
    pub group_key: String,
    pub receiver: String,
    /// Those it is about.
    pub alerts: Vec<Fingerprint>,
    pub what: What,
}

/// Its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It came into the group.
    Grouped,
    Station(Station),
    Notification {
        integration: IntegrationKey,
        outcome: Outcome,
    },
}

/// The newest decisions; the oldest are forgotten first.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    decisions: VecDeque<Decision>,
    /// How many alerts all of them name.
    mentions: usize,
}

impl History {
    pub(super) fn push(&mut self, decision: Decision) {
        self.mentions += decision.alerts.len();
        self.decisions.push_back(decision);
        while self.decisions.len() > LIMIT_HISTORY || self.mentions > LIMIT_MENTIONS {
            let Some(oldest) = self.decisions.pop_front() else {
                return;
            };
            self.mentions -= oldest.alerts.len();
        }
    }

    /// Those about an alert, up to a time, oldest first.
    pub(super) fn about(&self, alert: Fingerprint, until: Timestamp) -> Vec<&Decision> {
        let about = |d: &&Decision| d.at <= until && d.alerts.contains(&alert);
        self.decisions.iter().filter(about).collect()
    }
}
