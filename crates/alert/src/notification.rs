//! What is sent: one group's alerts, to one integration of one receiver.

use std::collections::BTreeMap;
use std::fmt;

use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

use crate::config::{Integration, IntegrationKind};

/// The name of an alert: a hash of its labels, the same that Prometheus and Alertmanager make.
///
/// FNV-1a of 64 bits over names and values in the order of the names, each followed by a byte 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    pub fn of(labels: &Labels) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (name, value) in labels {
            for text in [name, value] {
                for byte in text.bytes().chain([0xff]) {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
        }
        Self(hash)
    }
}

/// Sixteen digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether an alert holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    Firing,
    Resolved,
}

impl AlertStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert of a notification, as it was when the group was flushed.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifiedAlert {
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Timestamp,
    /// When it was over; none while it fires (Alertmanager writes the year 1 then).
    pub ends_at: Option<Timestamp>,
    pub generator_url: String,
    pub fingerprint: Fingerprint,
    pub status: AlertStatus,
}

/// Which integration of which receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IntegrationKey {
    pub kind: IntegrationKind,
    /// Among those of its kind in the receiver.
    pub index: usize,
}

impl IntegrationKey {
    pub fn of(integration: &Integration) -> Self {
        Self {
            kind: integration.kind(),
            index: integration.index,
        }
    }
}

impl fmt::Display for IntegrationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.kind.as_str(), self.index)
    }
}

/// What is to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    pub receiver: String,
    pub integration: IntegrationKey,
    /// `{}/{severity="critical"}:{alertname="Down"}`; the same for every notification of a group, so it
    /// is what incidents are keyed by.
    pub group_key: String,
    pub group_labels: Labels,
    /// Sorted by `job`, `instance`, then all labels; never empty.
    pub alerts: Vec<NotifiedAlert>,
}

impl Notification {
    /// Firing where any alert is.
    pub fn status(&self) -> AlertStatus {
        let firing = |alert: &NotifiedAlert| alert.status == AlertStatus::Firing;
        if self.alerts.iter().any(firing) {
            AlertStatus::Firing
        } else {
            AlertStatus::Resolved
        }
    }

    /// The labels that all alerts have with the same value.
    pub fn common_labels(&self) -> Labels {
        let Some((first, rest)) = self.alerts.split_first() else {
            return Labels::empty();
        };
        let everywhere = |name: &str| {
            let value = first.labels.get(name);
            rest.iter().all(|alert| alert.labels.get(name) == value)
        };
        first.labels.retain(everywhere)
    }

    /// The annotations that all alerts have with the same value.
    pub fn common_annotations(&self) -> BTreeMap<String, String> {
        let Some((first, rest)) = self.alerts.split_first() else {
            return BTreeMap::new();
        };
        let mut common = first.annotations.clone();
        common.retain(|name, value| {
            (rest.iter()).all(|alert| alert.annotations.get(name) == Some(value))
        });
        common
    }
}
