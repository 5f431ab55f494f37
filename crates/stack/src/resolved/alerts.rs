//! What the stack says of its alerts: rules that come with Mainstay, and files of its own.

use serde::{Deserialize, Serialize};

/// Rules that are evaluated while the stack is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// Rule packs that come with Mainstay, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<String>,
    /// Rule files of Prometheus, whole: the server never reads the user's files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleText>,
    /// Whether nobody is told of what belongs to this environment in the windows of its policy.
    #[serde(default)]
    pub mute_in_windows: bool,
}

impl Alerts {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One rule file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// As it is shown, from the stack's directory on.
    pub path: String,
    pub text: String,
}
