//! What stands on the wire about approval: what is asked for, who agreed, and what came of it.
//!
//! Re-exported from [`super::types`], whose table has the paths.

use super::types::{Operation, OperationKind, Promotion, Role};
use mainstay_model::{Scope, Timestamp};
use mainstay_stack::policy::Policy;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub by: String,
    pub at: Timestamp,
    pub reason: Option<String>,
}

/// What waits for somebody's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Also that of the operation.
    pub id: Uuid,
    pub scope: Scope,
    pub by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub tag: Option<String>,
    pub commit: Option<String>,
    pub description: Option<String>,
    pub promoted_from: Option<Promotion>,
    /// Different people that have to agree.
    pub needed: u32,
    pub role: Role,
    pub self_approval: bool,
    pub approvals: Vec<Approved>,
    #[serde(default)]
    pub subject: Subject,
}

impl ApprovalRequest {
    /// Agreements that are still missing.
    pub fn missing(&self) -> u32 {
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
        self.needed.saturating_sub(given)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Subject {
    /// The server keeps it, and begins it when enough people agreed.
    #[default]
    Deploy,
    /// The client has it, and makes it when enough people agreed.
    Infra(InfraChange),
}

impl Subject {
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Deploy => OperationKind::Deploy,
            Self::Infra(_) => OperationKind::Infra,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deploy => f.write_str("the deploy"),
            Self::Infra(change) => write!(f, "{change}"),
        }
    }
}

/// A change of the infrastructure, as Terraform or OpenTofu planned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraChange {
    pub action: InfraAction,
    /// SHA-256 of the plan's file, in hex: another plan is another change.
    pub plan: String,
    /// `3 to add, 1 to change, 0 to destroy`
    pub summary: String,
}

impl std::fmt::Display for InfraChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            action, summary, ..
        } = self;
        write!(f, "the {action} of the infrastructure ({summary})")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InfraAction {
    Apply,
    Destroy,
}

impl std::fmt::Display for InfraAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Destroy => "destroy",
        })
    }
}

/// Whether a change of the infrastructure may be made now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraRequest {
    pub change: InfraChange,
    /// Of the environment, in the files at hand.
    pub policy: Policy,
    pub tag: Option<String>,
    pub commit: Option<String>,
    /// The files are changed since.
    pub dirty: bool,
    /// It is about to be made: an agreement is used up. Else it is only asked for.
    pub begin: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraAnswer {
    /// It may be made now.
    pub agreed: bool,
    /// Where the policy wants approval: who agreed, or whom it waits for.
    pub request: Option<ApprovalRequest>,
}

/// `approve`, `reject`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Decision {
    pub reason: Option<String>,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub operation: Operation,
    /// Agreements that are still missing; 0: it has begun, or was rejected.
    pub missing: u32,
}
