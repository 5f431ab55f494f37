//! What an environment asks of whoever changes it: approval, version tags, windows.
//!
//! The values come from `environments.NAME.policy`; the judgement is [`Policy::objections`]. Both
//! are pure: the time is told, and time zones come from a table that is built in, so that the
//! same policy means the same on the laptop and on the server.
//!
//! It does not know who asked or who approved; the server keeps that.

mod tag;
mod window;

pub use tag::TagPattern;
pub use window::{Clock, Day, Span, Window};

use crate::request::Purpose;
use mainstay_model::{Timestamp, duration_ms};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How long a request for approval may wait where nothing else is said.
pub(crate) const EXPIRES: Duration = Duration::from_secs(24 * 3600);

/// What is watched in an environment, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Monitoring {
    /// Instances and the proxy: up, healthy, crashed.
    #[default]
    Basic,
    /// And what wears out: restarts, memory near its limit, disk.
    Enhanced,
    /// And what users feel: requests that failed.
    Full,
}

impl Monitoring {
    pub fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Development => Self::Basic,
            Purpose::Staging => Self::Enhanced,
            Purpose::Production | Purpose::Recovery => Self::Full,
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Enhanced => "enhanced",
            Self::Full => "full",
        }
    }
}

/// The policy of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Policy {
    /// `None`: nobody has to agree.
    pub approval: Option<Approval>,
    /// Deploys only from a tag like this.
    pub tags_only: Option<TagPattern>,
    /// When maintenance may be done; empty: at any time.
    pub windows: Vec<Window>,
    pub deploys: DeployTime,
    /// What `deploy --automatic` deploys.
    pub auto_deploy: Option<AutoDeploy>,
}

/// Who has to agree to a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Different people that have to agree; at least 1.
    pub count: u32,
    pub role: ApproverRole,
    /// Whoever asked may agree as well.
    pub self_approval: bool,
    #[serde(with = "duration_ms")]
    pub expires: Duration,
}

/// The role that may approve; a higher one may too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApproverRole {
    Operator,
    Admin,
}

/// When deploys are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum DeployTime {
    /// A deploy loses no request, so it needs no window.
    #[default]
    Anytime,
    InWindows,
}

/// Which branches deploy themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoDeploy {
    pub branches: Vec<TagPattern>,
}

/// What is known of the version that is to be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask<'a> {
    pub tag: Option<&'a str>,
    /// There are changes that are in no commit.
    pub dirty: bool,
}

/// Why a policy does not allow a deploy now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "objection", rename_all = "snake_case")]
pub enum Objection {
    NoTag {
        pattern: String,
    },
    OtherTag {
        pattern: String,
        tag: String,
    },
    /// `git describe` gave the tag before, and how many commits have come since.
    AfterTag {
        tag: String,
    },
    UncommittedChanges {
        tag: String,
    },
    OutsideWindows {
        next: Option<Timestamp>,
    },
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTag { pattern } => {
                write!(
                    f,
                    "only a version tag like `{pattern}` is deployed here, and there is none"
                )
            }
            Self::OtherTag { pattern, tag } => {
                write!(
                    f,
                    "only a version tag like `{pattern}` is deployed here, and `{tag}` is not one"
                )
            }
            Self::AfterTag { tag } => write!(
                f,
                "only a version tag is deployed here, and `{tag}` is a commit after one"
            ),
            Self::UncommittedChanges { tag } => write!(
                f,
                "only a version tag is deployed here, and the files are not as they were tagged `{tag}`"
            ),
            Self::OutsideWindows { next: Some(next) } => {
                write!(
                    f,
                    "deploys are allowed in windows only; the next one opens at {next}"
                )
            }
            Self::OutsideWindows { next: None } => f.write_str(
                "deploys are allowed in windows only, and none opens within the next days",
            ),
        }
    }
}

impl Objection {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoTag { .. } | Self::OtherTag { .. } | Self::AfterTag { .. } => {
                "tag the commit and check the tag out: `git tag v1.2.3`"
            }
            Self::UncommittedChanges { .. } => "commit or stash them: `git status`",
            Self::OutsideWindows { .. } => {
                "deploy then, or change `policy.windows` or `policy.deploys` of the environment"
            }
        }
    }
}

impl Policy {
    /// What the purpose alone says.
    pub fn of(purpose: Purpose) -> Self {
        Self {
            windows: Window::defaults(purpose),
            ..Self::default()
        }
    }

    /// Everything that stands against deploying this now; approval is not part of it.
    pub fn objections(&self, ask: Ask<'_>, now: Timestamp) -> Vec<Objection> {
        let mut found = Vec::new();
        if let Some(pattern) = &self.tags_only {
            found.extend(pattern.objection(ask));
        }
        if self.deploys == DeployTime::InWindows && !self.is_open(now) {
            let next = self.next_window(now).map(|span| span.from);
            found.push(Objection::OutsideWindows { next });
        }
        found
    }

    /// Whether maintenance may be done now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.windows.is_empty() || self.next_window(now).is_some_and(|span| span.from <= now)
    }

    /// The window that is open, or else the one that opens next.
    pub fn next_window(&self, now: Timestamp) -> Option<Span> {
        let spans = self.windows.iter().filter_map(|window| window.next(now));
        spans.min_by_key(|span| span.from)
    }

    /// The approval that two policies ask for together: the stricter one in each respect.
    pub fn approval_of(policies: &[&Self]) -> Option<Approval> {
        let all = policies
            .iter()
            .filter_map(|policy| policy.approval.as_ref());
        all.cloned().reduce(|a, b| Approval {
            count: a.count.max(b.count),
            role: a.role.max(b.role),
            self_approval: a.self_approval && b.self_approval,
            expires: a.expires.min(b.expires),
        })
    }

    /// Whether a push to this branch deploys by itself.
    pub fn deploys_itself(&self, branch: &str) -> bool {
        let auto = self.auto_deploy.as_ref();
        auto.is_some_and(|auto| auto.branches.iter().any(|one| one.matches(branch)))
    }
}

#[cfg(test)]
mod tests;
