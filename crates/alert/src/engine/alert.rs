//! Alerts as they are posted, and as they are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

use super::LIMIT_ALERT_BYTES;
use crate::notification::{AlertStatus, Fingerprint, NotifiedAlert};

/// What a sender says.
#[derive(Debug, Clone, PartialEq)]
pub struct PostedAlert {
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub generator_url: String,
}

/// Why one is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    #[error("an alert has at least one label")]
    NoLabels,
    #[error("alert {0} ends before it starts")]
    Backwards(Labels),
    #[error("the labels and annotations of an alert take {0} bytes: at most {LIMIT_ALERT_BYTES}")]
    TooLarge(usize),
    #[error(
        "{limit} alerts are kept already; alert {labels} is not taken\n  hint: group or drop alerts where they are made"
    )]
    Full { labels: Labels, limit: usize },
    #[error(
        "{limit} groups are kept already; alert {labels} gets none\n  hint: group by fewer labels"
    )]
    Groups { labels: Labels, limit: usize },
}

/// One alert: the newest word on a set of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(with = "super::labels_as_map")]
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Timestamp,
    /// When it is taken as over, if nobody says otherwise before.
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    pub generator_url: String,
    /// The end was not said: it is `resolve_timeout` after the last word.
    pub timeout: bool,
    pub fingerprint: Fingerprint,
    /// Counts the words on it, so that one that came during a delivery is told from the one delivered.
    pub(crate) version: u64,
}

impl Alert {
    /// Fills in what was not said, as Alertmanager does.
    pub(super) fn posted(
        posted: PostedAlert,
        now: Timestamp,
        resolve_timeout: Duration,
    ) -> Result<Self, AlertError> {
        let PostedAlert {
            labels,
            annotations,
            starts_at,
            ends_at,
            generator_url,
        } = posted;
        if labels.is_empty() {
            return Err(AlertError::NoLabels);
        }
        let texts = annotations
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let bytes = labels.as_bytes().len() + texts.sum::<usize>() + generator_url.len();
        if bytes > LIMIT_ALERT_BYTES {
            return Err(AlertError::TooLarge(bytes));
        }
        let starts_at = starts_at.or(ends_at).unwrap_or(now);
        let ends = ends_at.unwrap_or(now + resolve_timeout);
        if ends < starts_at {
            return Err(AlertError::Backwards(labels));
        }
        Ok(Self {
            fingerprint: Fingerprint::of(&labels),
            labels,
            annotations,
            starts_at,
            ends_at: ends,
            updated_at: now,
            generator_url,
            timeout: ends_at.is_none(),
            version: 0,
        })
    }

    /// Whether it is over.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    pub fn status(&self, now: Timestamp) -> AlertStatus {
        if self.is_resolved(now) {
            AlertStatus::Resolved
        } else {
            AlertStatus::Firing
        }
    }

    /// The newer word on what is still the same alert: where both times overlap it is one alert that
    /// began with the older; else the newer stands for itself.
    pub(super) fn followed_by(&self, mut newer: Self, now: Timestamp) -> Self {
        newer.version = self.version + 1;
        let ends_within = newer.ends_at > self.starts_at && newer.ends_at < self.ends_at;
        let starts_within = newer.starts_at > self.starts_at && newer.starts_at < self.ends_at;
        if !(ends_within || starts_within) {
            return newer;
        }
        newer.starts_at = newer.starts_at.min(self.starts_at);
        let later = self.ends_at > newer.ends_at;
        // A word that it is over holds; an end that was only assumed gives way to one that was said.
        let keep = if newer.is_resolved(now) {
            self.is_resolved(now)
        } else {
            !self.timeout
        };
        if later && keep {
            newer.ends_at = self.ends_at;
        }
        newer
    }

    /// As Alertmanager sorts them: by `job`, by `instance`, then by all labels.
    pub(super) fn order(&self) -> (String, String, Labels) {
        let value = |name: &str| self.labels.get(name).unwrap_or("").to_owned();
        (value("job"), value("instance"), self.labels.clone())
    }

    pub(super) fn notified(&self, now: Timestamp) -> NotifiedAlert {
        let status = self.status(now);
        NotifiedAlert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at: self.starts_at,
            ends_at: (status == AlertStatus::Resolved).then_some(self.ends_at),
            generator_url: self.generator_url.clone(),
            fingerprint: self.fingerprint,
            status,
        }
    }
}
