//! What is asked and answered about alerts, beside Alertmanager's API.

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which alerts are meant: by name, and by labels that they have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertQuestion {
    pub name: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What was decided up to then; `None`: now.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// One alert that was meant, and its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertWay {
    pub labels: BTreeMap<String, String>,
    /// Of the one within this server; `None`: it has not come that far.
    pub fingerprint: Option<String>,
    pub steps: Vec<AlertStep>,
}

/// One station of an alert's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStep {
    pub station: AlertStation,
    /// In words, with the reason.
    pub text: String,
    /// Whether it goes on from here.
    pub passes: bool,
    /// Of what has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStation {
    Rule,
    Route,
    Group,
    Inhibition,
    Silence,
    Interval,
    Delivery,
    /// What was decided before.
    Past,
}

impl AlertStation {
    pub fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Route => "route",
            Self::Group => "group",
            Self::Inhibition => "inhibition",
            Self::Silence => "silence",
            Self::Interval => "interval",
            Self::Delivery => "delivery",
            Self::Past => "past",
        }
    }
}

/// What is said of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTouch {
    #[serde(flatten)]
    pub which: AlertQuestion,
    #[serde(default)]
    pub comment: String,
}

/// The alerts that it was said of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsTouched {
    pub alerts: Vec<BTreeMap<String, String>>,
}

/// Who is to be told of an alert that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverTest {
    pub receiver: String,
}

/// What came of it, for one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverTested {
    /// `webhook[0]`
    pub integration: String,
    /// `None`: it was told.
    pub error: Option<String>,
}

/// Who is on call in a rota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCallNow {
    pub rota: String,
    /// `None`: the rota has not begun.
    pub person: Option<String>,
    pub receiver: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}
